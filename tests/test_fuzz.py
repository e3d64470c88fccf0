"""A short run of `benchmarks/fuzz.py`: every parser of outside bytes, some mutated files each."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import one_input
from benchmarks.fuzz_targets import targets
from timbresep.errors import TimbresepError

INPUTS = 16  # of each parser; the first of them are whole files


@pytest.mark.filterwarnings("ignore")
def test_mutated_files_are_read_or_refused_and_whole_ones_are_read(tmp_path: Path) -> None:
    accepted: dict[str, list[int]] = {}
    for name, target in targets(tmp_path).items():
        for number in range(INPUTS):
            data = one_input(target.seeds, target.mutate, name, 0, number)
            try:
                target.check(data)
            except TimbresepError:
                continue
            except Exception as error:
                error.add_note(f"python benchmarks/fuzz.py --target '{name}' --only {number}")
                raise
            accepted.setdefault(name, []).append(number)
        assert accepted[name][: len(target.seeds)] == list(range(len(target.seeds))), name
