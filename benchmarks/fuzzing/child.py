"""The process that reads inputs, each within its memory, time and folder."""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from benchmarks.fuzzing.target import Target

SECONDS = 5
MEMORY = 2 << 30  # bytes beyond what the process has before the first input
INSTRUMENTED = ("timbresep", "mido", "yaml", "python_multipart", "starlette", "zipfile", "csv")
"""What atheris watches: who reaches new code in these."""


@dataclass(frozen=True)
class Order:
    """What a process is to do.

    Attributes:
        name: of the target.
        engine: `mutations`, `hypothesis` or `atheris`.
        seed: of the engine.
        first, count: numbers of the inputs.
        keep: folder for the first input of each cause.
    """

    name: str
    engine: str = "mutations"
    seed: int = 0
    first: int = 0
    count: int = 0
    keep: Path | None = None

    def after(self, number: int, last: int) -> Order:
        """What is left after an input."""
        return replace(self, first=number + 1, count=last - number - 1)


class HangError(BaseException):
    """An input took too long."""


def one_input(target: Target, name: str, seed: int, number: int) -> bytes:
    """The file of a number: first the whole ones as they are, then mutated ones."""
    if number < len(target.seeds):
        return target.seeds[number]
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
    return target.mutate(target.seeds[int(rng.integers(len(target.seeds)))], rng)


class Reader:
    """Reads inputs and tells what becomes of each.

    Args:
        target: the parser.
        order: for its numbers, and where faults are kept.
        pipe: who is told.
        scratch: the only folder that may be written to.
    """

    def __init__(self, target: Target, order: Order, pipe: Connection, scratch: Path) -> None:
        self.target, self.order, self.pipe, self.scratch = target, order, pipe, scratch
        self.number = order.first
        self.before = _largest_mb()
        self._causes: set[str] = set()
        signal.signal(signal.SIGPROF, _stop)

    def read(self, data: bytes) -> None:
        """Read an input."""
        from timbresep.formats.text import shown

        number, self.number = self.number, self.number + 1
        self.pipe.send(("begin", number))
        began = time.process_time()
        outcome, cause = self._outcome(data)
        if outcome == "refused" and data in self.target.seeds:
            outcome, cause = "internal", f"a whole file is refused: {shown(cause)}"
        elif outcome == "refused":
            cause = ""
        if cause and cause not in self._causes and self.order.keep:
            self.order.keep.mkdir(parents=True, exist_ok=True)
            (self.order.keep / str(number)).write_bytes(data)
        self._causes.add(cause)
        grown = _largest_mb() - self.before
        self.pipe.send((outcome, number, cause, time.process_time() - began, grown))

    def _outcome(self, data: bytes) -> tuple[str, str]:
        from benchmarks.fuzzing.confinement import confined
        from timbresep.errors import TimbresepError

        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            with confined(self.scratch):
                self.target.check(data)
        except TimbresepError as error:
            return "refused", str(error)
        except HangError:
            return "hangs", "no end within its time"
        except BaseException as error:  # noqa: BLE001 — counted, whatever it is
            return "internal", _cause(error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return "accepted", ""


def work(order: Order, pipe: Connection) -> None:
    """Read all inputs of an order; the last message is `end`, but for atheris, which exits.

    `broken` is the last where the benchmark itself fails.
    """
    _quiet()
    try:
        _work(order, pipe)
    except Exception:  # noqa: BLE001 — told to whoever reads the pipe
        pipe.send(("broken", 0, traceback.format_exc()))


def _work(order: Order, pipe: Connection) -> None:
    if order.engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=list(INSTRUMENTED)):
            from benchmarks.fuzzing.targets import MAKERS
    else:
        from benchmarks.fuzzing.targets import MAKERS
    import torch

    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        target = MAKERS[order.name](scratch)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        _ENGINES[order.engine](Reader(target, order, pipe, scratch))
    pipe.send(("end", 0))


def _by_mutations(reader: Reader) -> None:
    order = reader.order
    for number in range(order.first, order.first + order.count):
        reader.read(one_input(reader.target, order.name, order.seed, number))


def _by_hypothesis(reader: Reader) -> None:
    import hypothesis

    from benchmarks.fuzzing.chance import inputs

    target, order = reader.target, reader.order
    for data in target.seeds if order.first == 0 else ():
        reader.read(data)
    left = order.first + order.count - reader.number

    @hypothesis.seed(order.seed + order.first)
    @hypothesis.settings(
        max_examples=max(1, left),
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(inputs(target.seeds, target.mutate))
    def every(data: bytes) -> None:
        reader.read(data)

    every()


def _by_atheris(reader: Reader) -> None:
    import atheris

    target, order = reader.target, reader.order
    corpus = reader.scratch / "corpus"
    corpus.mkdir()
    for number, data in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(data)

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        """Half of the time libFuzzer's own mutation, else one that knows the format."""
        rng = np.random.default_rng(seed)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        try:
            return target.mutate(bytes(data), rng)[:most]
        except Exception:  # noqa: BLE001 — the mutations know whole files
            return bytes(atheris.Mutate(data, most))

    largest = 4 * max(map(len, target.seeds)) + 4096
    arguments = [sys.argv[0], f"-runs={order.count}", f"-seed={order.seed + order.first + 1}"]
    arguments += [f"-max_len={largest}", f"-artifact_prefix={reader.scratch}/"]
    arguments += [f"-timeout={12 * SECONDS}", "-rss_limit_mb=0", "-verbosity=0"]
    atheris.Setup([*arguments, str(corpus)], reader.read, custom_mutator=mutated)
    atheris.Fuzz()


_ENGINES: dict[str, Callable[[Reader], None]] = {
    "mutations": _by_mutations,
    "hypothesis": _by_hypothesis,
    "atheris": _by_atheris,
}


def _stop(*_: object) -> None:
    raise HangError


def _quiet() -> None:
    """Nothing of what the libraries say; some write past Python."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _largest_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cause(error: BaseException) -> str:
    """An error in a line: type, message and the last place in this project."""
    from timbresep.formats.text import shown

    frames: list[Any] = list(traceback.extract_tb(error.__traceback__))
    places = [f for f in frames if "/.venv/" not in f.filename]
    where = next((f for f in reversed(places) if "/timbresep/" in f.filename), places[-1])
    what = shown(error)[:80]
    return f"{type(error).__name__}: {what} ({Path(where.filename).name}:{where.lineno})"
