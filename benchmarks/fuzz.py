"""Feed mutated files to each parser that meets outside bytes; count what is not an error of ours.

    python benchmarks/fuzz.py [--runs 600] [--seed 0] [--target NAME] [--json FILE]
    python benchmarks/fuzz.py --engine hypothesis --runs 300
    python benchmarks/fuzz.py --engine atheris --target "score, MIDI" --runs 5000
    python benchmarks/fuzz.py --target NAME --only 123 --keep FOLDER
    python benchmarks/fuzz.py --target NAME --read FILE

`mutations` draws each input from target, seed and number. `hypothesis` makes the same choices by
its own search. `atheris` keeps what reaches new code and mutates it further
(pip install '.[fuzz]').
Inputs are read in a child process whose memory may grow by 2 GB, which has 5 s of a core for each,
and which may write to its own folder alone. The exit code is 1 when an input was neither accepted
nor refused by a `TimbresepError`. `--keep` keeps the first input of each cause; `--only` and
`--read` read a single one here, for its traceback.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.fuzzing.child import SECONDS, Order, work
from timbresep.files import write_json

ENGINES = ("mutations", "hypothesis", "atheris")


@dataclass
class Result:
    """What became of one target's inputs.

    Attributes:
        inputs, accepted, refused, internal, hangs, deaths: counts.
        grown_mb: growth of the largest resident size.
        slowest_s: the longest that one input took, of a core.
        causes: what internal errors say and where → how often.
        first: the number of the first input of each.
    """

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    internal: int = 0
    hangs: int = 0
    deaths: int = 0
    grown_mb: float = 0.0
    slowest_s: float = 0.0
    causes: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)

    @property
    def faults(self) -> int:
        """Inputs that were neither accepted nor refused."""
        return self.internal + self.hangs + self.deaths

    def add(self, number: int, outcome: str, cause: str, seconds: float, grown: float) -> None:
        """Count an input."""
        self.inputs += 1
        setattr(self, outcome, getattr(self, outcome) + 1)
        self.slowest_s = max(self.slowest_s, round(seconds, 2))
        self.grown_mb = max(self.grown_mb, round(grown, 1))
        if cause:
            self.causes[cause] = self.causes.get(cause, 0) + 1
            self.first.setdefault(cause, number)


def run(order: Order) -> Result:
    """All inputs of a target; a child that dies or hangs is replaced by another."""
    result = Result()
    context = multiprocessing.get_context("spawn")
    last = order.first + order.count
    while order.count > 0:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(order, there))
        process.start()
        there.close()
        current, patience = None, 120.0  # the first message comes after imports
        try:
            while here.poll(patience):
                kind, number, *rest = here.recv()
                if kind == "end":
                    order = order.after(last - 1, last)
                    break
                if kind == "broken":
                    raise RuntimeError(f"{order.name}: {rest[0]}")
                if kind == "begin":
                    current, patience = number, 12.0 * SECONDS
                    continue
                result.add(number, kind, *rest)
                order, current = order.after(number, last), None
            else:  # stuck where Python is not asked
                number = order.first if current is None else current
                result.add(number, "hangs", "no end, in C", patience, 0)
                order = order.after(number, last)
        except EOFError:
            process.join()
            if current is not None:
                result.add(current, "deaths", f"exit code {process.exitcode}", 0, 0)
                order = order.after(current, last)
            elif order.engine == "atheris" and result.inputs:  # it ends its process
                order = order.after(last - 1, last)
            else:
                raise
        process.kill()
        process.join()
    return result


def table(results: dict[str, Result]) -> Table:
    """A row for each target, and their sums."""
    counts = ("inputs", "accepted", "refused", "internal", "hangs", "deaths")
    view = Table("parser", *counts, "MB", "s")
    for name, row in results.items():
        numbers = (str(getattr(row, key)) for key in counts)
        view.add_row(name, *numbers, f"{row.grown_mb:.0f}", f"{row.slowest_s:.1f}")
    view.add_section()
    view.add_row("all", *(str(sum(getattr(r, key) for r in results.values())) for key in counts))
    return view


def read_one(order: Order, file: Path | None) -> None:
    """Read a single input in this process: that of a number, or a file."""
    from benchmarks.fuzzing.child import one_input
    from benchmarks.fuzzing.confinement import confined
    from benchmarks.fuzzing.targets import MAKERS

    with tempfile.TemporaryDirectory() as scratch:
        target = MAKERS[order.name](Path(scratch))
        data = file.read_bytes() if file else one_input(target, order.name, order.seed, order.first)
        if order.keep:
            order.keep.mkdir(parents=True, exist_ok=True)
            (order.keep / str(order.first)).write_bytes(data)
        with confined(Path(scratch)):
            target.check(data)


def main() -> int:
    """Run, print and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=ENGINES, default="mutations")
    parser.add_argument("--runs", type=int, default=600, help="inputs of each parser")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", help="only these parsers")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the first input of each cause")
    parser.add_argument("--only", type=int, help="read a single input here")
    parser.add_argument("--read", type=Path, help="read this file here")
    given = parser.parse_args()
    from benchmarks.fuzzing.targets import MAKERS, missing

    names = given.target or [name for name in MAKERS if not missing(name)]
    if given.only is not None or given.read:
        read_one(
            Order(names[0], seed=given.seed, first=given.only or 0, keep=given.keep), given.read
        )
        return 0
    results: dict[str, Result] = {}
    for name in names:
        print(f"{name} ({len(results) + 1} of {len(names)})", file=sys.stderr)
        keep = given.keep / re.sub(r"\W+", "-", name) if given.keep else None
        results[name] = run(Order(name, given.engine, given.seed, 0, given.runs, keep))
        if given.json:
            rows = {name: asdict(result) for name, result in results.items()}
            about = {"engine": given.engine, "seed": given.seed, "targets": rows}
            write_json(given.json, about)
    console = Console(width=110)
    console.print(table(results))
    for name, result in results.items():
        for cause, count in result.causes.items():
            line = f"{name}: {count} × {cause}, first: --only {result.first[cause]}"
            console.print(line, markup=False, soft_wrap=True)
    return int(any(result.faults for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
