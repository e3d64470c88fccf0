"""What an interrupted run says: where it is, and how to go on."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from timbresep.errors import InterruptedRunError


@contextmanager
def resumable(run: Path, state: str) -> Iterator[None]:
    """On an interrupt, say where the run is and how to resume it.

    Args:
        run: its folder.
        state: pattern of the files in it that it can resume from.

    Raises:
        InterruptedRunError: in place of a `KeyboardInterrupt`, if there is such a file.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if not any(run.glob(state)):
            raise
        raise InterruptedRunError(
            f"interrupted, the run is kept in {run}", go_on(run)
        ) from interrupt


def go_on(run: Path) -> str:
    """The command of this process, with the options that resume its run, for a hint."""
    program, *given = sys.argv
    start = ["python", program] if program.endswith(".py") else [Path(program).name]
    resume = [] if {"--resume", "--auto-resume"} & set(given) else ["--resume"]
    return f"go on with: {shlex.join([*start, *with_out(given, run), *resume])}"


def with_out(given: list[str], run: Path) -> list[str]:
    """The words of a command, which name the run's folder."""
    named = any(word.split("=")[0] == "--out" for word in given)
    return [*given, *([] if named else ["--out", str(run)])]
