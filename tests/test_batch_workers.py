"""Workers share the files of a batch: whoever dies, each file is separated, and a bad one told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cli
from engine_tasks import VIOLIN, DyingOnce, separated, two_songs
from timbresep import audio
from timbresep.engines.engine import HERE, Engine
from timbresep.separation.batch_setup import Many


def test_two_workers_make_what_one_makes_though_one_dies(tmp_path: Path) -> None:
    songs, mark = two_songs(tmp_path), tmp_path / "died"
    dying = DyingOnce(VIOLIN.instruments, VIOLIN.separator, options=VIOLIN.options, mark=mark)
    alone = separated(songs, tmp_path / "a", Many(HERE, VIOLIN))
    both = separated(songs, tmp_path / "b", Many(Engine(workers=2), dying))
    assert mark.exists()
    assert alone.keys() == both.keys()
    for name in alone:
        one, _ = audio.read(tmp_path / "a" / name)
        two, _ = audio.read(tmp_path / "b" / name)
        assert np.abs(one - two).max() < 1e-5, "the number of threads may change the last bits"
    assert not list((tmp_path / "b").rglob("*.part*"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--address", "auto"], "--address is that of a Ray cluster — add --engine ray"),
        (["--workers", "2", "--score", "x.mid"], "--score is of one recording — leave out"),
        (["--workers", "9999"], "processes at most — lower it"),
    ],
)
def test_what_no_engine_can_do_is_told(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["separate", "song.wav", *options]) == 1
    assert told in " ".join(capsys.readouterr().err.split())
