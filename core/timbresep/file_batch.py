"""Work through files: one that fails is reported and does not end the batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping
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


Advance = Callable[[Path, float], None]
"""Called with a file and the seconds of it that are done."""
MANY = 2000
"""More files than this are not opened just to know how long they are."""
Outcomes = Generator[tuple[Path, Row | TimbresepError], None, None]
"""What became of each file, as it ends."""


def work_through(
    folders: Mapping[Path, Path],
    check: Callable[[Path, Path], audio.AudioInfo],
    one: Callable[[Path, Path, Callable[[float], None]], Row],
    told: Told[Row],
) -> Batch[Row]:
    """Work through files, one after another; arguments as for `lengths` and `one_by_one`."""
    return collected(partial(one_by_one, folders, one), lengths(folders, check, told), told)


def one_by_one(
    folders: Mapping[Path, Path],
    one: Callable[[Path, Path, Callable[[float], None]], Row],
    advance: Advance,
) -> Outcomes[Row]:
    """Work on files, one after another.

    Args:
        folders: file → the folder of what is made of it.
        one: works on a file, given its folder and what to call with the seconds that are done.
        advance: called with the progress.
    """
    for path, folder in folders.items():
        advance(path, 0.0)
        try:
            yield path, one(path, folder, partial(advance, path))
        except TimbresepError as error:
            yield path, error
        except OSError as problem:
            yield path, unreachable(path, problem)


def lengths(
    folders: Mapping[Path, Path],
    check: Callable[[Path, Path], audio.AudioInfo],
    told: Told[Row],
) -> dict[Path, float]:
    """Seconds of each file that can be worked on, for the progress; those of many count alike.

    Args:
        folders: file → the folder of what is made of it.
        check: gives the header of a file, given its folder.
        told: whether anybody wants to know.
    """
    if told.report is None or len(folders) > MANY:
        return dict.fromkeys(folders, 1.0)
    seconds: dict[Path, float] = {}
    for path, folder in folders.items():
        with contextlib.suppress(TimbresepError, OSError):  # reported when its turn comes
            seconds[path] = check(path, folder).duration
    return seconds


def collected(
    outcomes: Callable[[Advance], Outcomes[Row]], sizes: Mapping[Path, float], told: Told[Row]
) -> Batch[Row]:
    """What became of files, told as they end.

    Args:
        outcomes: works on the files, given whom to tell of the progress.
        sizes: of each file, in what that is told in; files without one count nothing.
        told: who is told.
    """
    batch: Batch[Row] = Batch()

    def tell(path: Path, done: float, total: float) -> None:
        if told.report is not None:
            told.report(path, done / total if total else 0.0)

    work = Work(sizes, tell)
    with contextlib.closing(outcomes(work.within)) as ended:  # who is told may stop it all
        for path, found in ended:
            if isinstance(found, TimbresepError):
                work.failed(path)
                batch.failed.append((path, found))
                if told.failed is not None:
                    told.failed(path, found)
            else:
                work.finished(path)
                batch.done.append(found)
                if told.finished is not None:
                    told.finished(found)
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


def unreachable(path: Path, problem: OSError) -> AudioError:
    """What to say of a file that the system does not give."""
    shown = f"{path.name[:40]}…" if len(path.name) > 80 else path
    return AudioError(f"{shown}: {problem.strerror}", "check the path")
