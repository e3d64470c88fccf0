"""Work through files one after another: one that fails is reported and does not end the batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from timbresep import audio
from timbresep.errors import AudioError, TimbresepError
from timbresep.running.progress import Work
from timbresep.streaming import MAX_CHANNELS

Row = TypeVar("Row")
Report = Callable[[Path, float], None]
"""Called with the file at work, and the share of the batch's audio that is done (0 to 1)."""


@dataclass
class Batch(Generic[Row]):
    """What became of each file."""

    done: list[Row] = field(default_factory=list)
    failed: list[tuple[Path, TimbresepError]] = field(default_factory=list)


@dataclass(frozen=True)
class Told(Generic[Row]):
    """Who is told of the progress of a batch.

    Attributes:
        report: called while a file is at work.
        finished, failed: called with each file that is done, or that failed.
    """

    report: Report | None = None
    finished: Callable[[Row], None] | None = None
    failed: Callable[[Path, TimbresepError], None] | None = None


def work_through(
    folders: Mapping[Path, Path],
    check: Callable[[Path, Path], audio.AudioInfo],
    one: Callable[[Path, Path, Callable[[float], None]], Row],
    told: Told[Row],
) -> Batch[Row]:
    """Work through files.

    Args:
        folders: file → the folder of what is made of it.
        check: gives the header of a file, given its folder, if it can be worked on.
        one: works on a file, given its folder and what to call with the seconds that are done.
        told: who is told of the progress.
    """
    batch: Batch[Row] = Batch()
    work = _work(folders, check, told.report)
    for path, folder in folders.items():
        work.within(path, 0.0)
        try:
            row = one(path, folder, partial(work.within, path))
        except (TimbresepError, OSError) as problem:
            error = problem if isinstance(problem, TimbresepError) else _unreachable(path, problem)
            work.failed(path)
            batch.failed.append((path, error))
            if told.failed is not None:
                told.failed(path, error)
        else:
            work.finished(path)
            batch.done.append(row)
            if told.finished is not None:
                told.finished(row)
    return batch


def header(path: Path) -> audio.AudioInfo:
    """A file's header, after a check that it can be opened, and is mono or stereo.

    Raises:
        AudioError: it cannot, or is not.
    """
    about = audio.info(path)
    if about.channels > MAX_CHANNELS:
        raise AudioError(
            f"{path} has {about.channels} channels; mono and stereo are supported",
            hint="mix it down to stereo first",
        )
    return about


def _work(
    folders: Mapping[Path, Path],
    check: Callable[[Path, Path], audio.AudioInfo],
    report: Report | None,
) -> Work[Path]:
    """Progress through a batch, by seconds of audio; files that cannot be opened count nothing."""
    seconds: dict[Path, float] = {}
    for path, folder in folders.items() if report is not None else ():
        with contextlib.suppress(TimbresepError, OSError):  # reported when its turn comes
            seconds[path] = check(path, folder).duration

    def tell(path: Path, done: float, total: float) -> None:
        if report is not None:
            report(path, done / total if total else 0.0)

    return Work(seconds, tell)


def _unreachable(path: Path, problem: OSError) -> AudioError:
    shown = f"{path.name[:40]}…" if len(path.name) > 80 else path
    return AudioError(f"{shown}: {problem.strerror}", "check the path")
