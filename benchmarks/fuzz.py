"""Feed mutated files to each parser that meets outside bytes; count what is not an error of ours.

    python benchmarks/fuzz.py [--inputs 600] [--seed 0] [--target NAME] [--json FILE]
    python benchmarks/fuzz.py --target NAME --only 123 --keep FILE

Each input follows from target, seed and number. Inputs are read in a child process whose memory
may grow by 2 GB and which has 5 s of a core for each. The exit code is 1 when an input was neither
accepted nor refused by a `TimbresepError`. `--only` reads a single input here, for its traceback.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from timbresep.errors import TimbresepError
from timbresep.files import write_json
from timbresep.formats.text import shown

SECONDS = 5
MEMORY = 2 << 30  # bytes beyond what the process has before the first input


@dataclass
class Result:
    """What became of one target's inputs.

    Attributes:
        inputs, accepted, refused, internal, hangs, deaths: counts.
        grown_mb: growth of the largest resident size.
        slowest_s: the longest that one input took, of a core.
        causes: what internal errors say and where → how often; the number of the first input.
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


class Hang(BaseException):
    """An input took too long."""


def one_input(seeds: list[bytes], mutate: Any, name: str, seed: int, number: int) -> bytes:
    """The file of a number: first the whole ones as they are, then mutated ones."""
    if number < len(seeds):
        return seeds[number]
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
    return mutate(seeds[int(rng.integers(len(seeds)))], rng)


def quiet() -> None:
    """Nothing of what the libraries say; some write past Python."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def child(name: str, seed: int, numbers: list[int], pipe: Connection) -> None:
    """Read inputs and tell what becomes of each."""
    quiet()
    import torch

    from benchmarks.fuzz_targets import targets

    torch.set_num_threads(1)

    def stop(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGPROF, stop)
    with tempfile.TemporaryDirectory() as scratch:
        target = targets(Path(scratch))[name]
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in numbers:
            data = one_input(target.seeds, target.mutate, name, seed, number)
            outcome, cause, began = "accepted", "", time.process_time()
            pipe.send(("begin", number))
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                target.check(data)
            except TimbresepError as error:
                whole = number < len(target.seeds)
                outcome = "internal" if whole else "refused"
                cause = f"a whole file is refused: {shown(error)}" if whole else ""
            except Hang:
                outcome, cause = "hangs", "no end within its time"
            except BaseException as error:  # noqa: BLE001 — counted, whatever it is
                outcome, cause = "internal", _cause(error)
            signal.setitimer(signal.ITIMER_PROF, 0)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            pipe.send((outcome, number, cause, time.process_time() - began, grown))
    pipe.send(("end", 0))


def _cause(error: BaseException) -> str:
    """An error in a line: type, message and the last place in this project."""
    places = [f for f in traceback.extract_tb(error.__traceback__) if "/.venv/" not in f.filename]
    where = next((f for f in reversed(places) if "/timbresep/" in f.filename), places[-1])
    what = shown(error)[:80]
    return f"{type(error).__name__}: {what} ({Path(where.filename).name}:{where.lineno})"


def run(name: str, seed: int, count: int) -> Result:
    """All inputs of a target; a child that dies or hangs is replaced by another."""
    result, left = Result(), list(range(count))
    context = multiprocessing.get_context("spawn")
    while left:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(name, seed, left, there))
        process.start()
        there.close()
        current, patience = None, 120.0  # the first message comes after imports
        try:
            while here.poll(patience):
                kind, number, *rest = here.recv()
                if kind == "end":
                    left = []
                    break
                if kind == "begin":
                    current, patience = number, 12.0 * SECONDS
                    continue
                result.add(number, kind, *rest)
                left = left[left.index(number) + 1 :]
                current = None
            else:  # stuck where Python is not asked
                result.add(current or 0, "hangs", "no end, in C", patience, 0)
                left = left[1:]
        except EOFError:
            if current is None:
                raise
            process.join()
            result.add(current, "deaths", f"exit code {process.exitcode}", 0, 0)
            left = left[1:]
        process.kill()
        process.join()
    return result


def table(results: dict[str, Result]) -> Table:
    """A row for each target, and their sums."""
    view = Table(
        "parser", "inputs", "accepted", "refused", "internal", "hangs", "deaths", "MB", "s"
    )
    for name, row in results.items():
        counts = (row.inputs, row.accepted, row.refused, row.internal, row.hangs, row.deaths)
        view.add_row(name, *map(str, counts), f"{row.grown_mb:.0f}", f"{row.slowest_s:.1f}")
    keys = ("inputs", "accepted", "refused", "internal", "hangs", "deaths")
    sums = (str(sum(getattr(row, key) for row in results.values())) for key in keys)
    view.add_section()
    view.add_row("all", *sums)
    return view


def main() -> int:
    """Run, print and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=600, help="of each parser")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", help="only these parsers")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", type=int, help="read a single input here")
    parser.add_argument("--keep", type=Path, help="write that input to a file")
    given = parser.parse_args()
    from benchmarks.fuzz_targets import targets

    with tempfile.TemporaryDirectory() as scratch:
        known = targets(Path(scratch))
        names = given.target or list(known)
        if given.only is not None:
            target = known[names[0]]
            data = one_input(target.seeds, target.mutate, names[0], given.seed, given.only)
            if given.keep:
                given.keep.write_bytes(data)
            target.check(data)
            return 0
    results: dict[str, Result] = {}
    for name in names:
        print(f"{name} ({len(results) + 1} of {len(names)})", file=sys.stderr)
        results[name] = run(name, given.seed, given.inputs)
        if given.json:
            rows = {name: asdict(result) for name, result in results.items()}
            write_json(given.json, {"seed": given.seed, "targets": rows})
    console = Console(width=110)
    console.print(table(results))
    for name, result in results.items():
        for cause, count in result.causes.items():
            line = f"{name}: {count} × {cause}, first: --only {result.first[cause]}"
            console.print(line, markup=False, soft_wrap=True)
    return int(any(result.faults for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
