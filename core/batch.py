"""Separate files: stems are written whole or not at all, and one bad file never ends a batch."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import audio
from core.audio_writer import AudioWriter, checked_subtype, write_errors
from core.config import atomic_write
from core.errors import AudioError, OutputExistsError, TimbresepError
from core.separator import MAX_CHANNELS, Separator

RESIDUAL = "residual"

Report = Callable[[Path, int, int], None]
"""Told the file, how many of its frames are done, and how many there are."""


@dataclass(frozen=True)
class Output:
    """How stems are written.

    Attributes:
        folder: stems go to ``<folder>/<file>/<instrument>.<format>``.
        format: wav or flac.
        subtype: FLOAT, PCM_24 or PCM_16; None for the format's best.
        residual: also write what the stems leave of the mixture.
        consistent: make the stems sum to the mixture.
        overwrite: replace stems that are there.
    """

    folder: Path
    format: str = "wav"
    subtype: str | None = None
    residual: bool = False
    consistent: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class FileReport:
    """One file that was separated: what was written, seconds of audio, seconds it took, notes."""

    path: Path
    outputs: tuple[Path, ...]
    duration: float
    seconds: float
    notes: tuple[str, ...]


@dataclass
class BatchReport:
    """What became of each file of a batch."""

    done: list[FileReport] = field(default_factory=list)
    failed: list[tuple[Path, TimbresepError]] = field(default_factory=list)


def separate_batch(
    separator: Separator,
    files: Sequence[Path],
    instruments: Sequence[str],
    output: Output,
    report: Report | None = None,
    finished: Callable[[FileReport], None] | None = None,
    failed: Callable[[Path, TimbresepError], None] | None = None,
) -> BatchReport:
    """Separate files one after the other; those that cannot be are reported, and the rest done.

    Args:
        separator: loaded once for all of them.
        files: a file named twice is separated once.
        instruments: names that the separator knows.
        output: where and how to write.
        report: told the progress within a file.
        finished, failed: told each file as it ends.

    Raises:
        TimbresepError: when the output cannot be as asked for, whatever the files.
    """
    check(output, instruments)
    batch = BatchReport()
    inputs = {_real(path) for path in files}
    for path, folder in folders(files, output.folder).items():
        try:
            row = separate_file(separator, path, instruments, folder, output, report, inputs)
        except (TimbresepError, OSError) as problem:
            error = problem if isinstance(problem, TimbresepError) else _unreachable(path, problem)
            batch.failed.append((path, error))
            if failed is not None:
                failed(path, error)
        else:
            batch.done.append(row)
            if finished is not None:
                finished(row)
    return batch


def _unreachable(path: Path, problem: OSError) -> AudioError:
    shown = f"{path.name[:40]}…" if len(path.name) > 80 else path
    return AudioError(f"{shown}: {problem.strerror}", "check the path")


def check(output: Output, instruments: Sequence[str]) -> None:
    """Refuse, before any work, an output that makes no sense.

    Raises:
        AudioError: the format cannot hold the subtype; consistent stems and their (silent)
            residual at once; one consistent stem, which would be the mixture.
    """
    checked_subtype(Path(f"stem.{output.format}"), output.subtype)
    if output.consistent and output.residual:
        raise AudioError("consistent stems leave no residual", hint="choose one of the two")
    if output.consistent and len(instruments) < 2:
        raise AudioError(
            "a single consistent stem would be the mixture itself",
            hint="name every instrument in the mixture, or ask for the residual",
        )


def folders(files: Sequence[Path], root: Path) -> dict[Path, Path]:
    """File → folder of its stems, named after it; a second file of the same name gets a number."""
    taken: set[str] = set()
    chosen: dict[Path, Path] = {}
    seen: set[Path] = set()
    names = {path.stem.casefold() for path in files}
    for path in files:
        if _real(path) in seen:
            continue
        seen.add(_real(path))
        name, number = path.stem, 2
        while name.casefold() in taken or (number > 2 and name.casefold() in names):
            name, number = f"{path.stem}-{number}", number + 1
        taken.add(name.casefold())
        chosen[path] = root / name
    return chosen


def separate_file(
    separator: Separator,
    path: Path,
    instruments: Sequence[str],
    folder: Path,
    output: Output,
    report: Report | None = None,
    inputs: Set[Path] = frozenset(),
) -> FileReport:
    """Separate one file into ``<folder>/<instrument>.<format>``, block by block.

    All stems appear when all are complete; on an error, none does.

    Raises:
        OutputExistsError: a stem is there already and may not be replaced.
        AudioError: the file cannot be read to its end, or a stem cannot be written.
    """
    began = time.monotonic()
    about = audio.info(path)
    if about.channels > MAX_CHANNELS:
        raise AudioError(
            f"{path} has {about.channels} channels; mono and stereo are supported",
            hint="mix it down to stereo first",
        )
    names = [*instruments, RESIDUAL] if output.residual else list(instruments)
    outputs = [folder / f"{name}.{output.format}" for name in names]
    _guard(path, outputs, output.overwrite, {_real(path), *inputs})
    shape = about.rate, about.channels, about.frames
    with _new_files(folder, outputs) as temporary, contextlib.ExitStack() as opened:
        writers = [
            opened.enter_context(AudioWriter(part, final, *shape, output.subtype))
            for part, final in zip(temporary, outputs, strict=True)
        ]
        peak = _fill(separator, about, instruments, output, writers, report)
    notes = [*about.notes, *(note for writer in writers if (note := writer.clipped()))]
    if peak == 0.0:
        notes.insert(0, f"{path} is silent, and so are its stems")
    seconds = time.monotonic() - began
    return FileReport(path, tuple(outputs), about.duration, seconds, tuple(notes))


def _fill(
    separator: Separator,
    about: audio.AudioInfo,
    instruments: Sequence[str],
    output: Output,
    writers: Sequence[AudioWriter],
    report: Report | None,
) -> float:
    """Stream the file through the separator into the writers; gives the mixture's peak."""
    peak, done = 0.0, 0
    blocks = audio.read_blocks(about.path)
    for mixture, stems in separator.pairs(
        blocks, about.rate, about.channels, instruments, output.consistent
    ):
        peak = max(peak, float(np.abs(mixture).max()))
        parts = [*stems, mixture - stems.sum(axis=0)] if output.residual else list(stems)
        for writer, part in zip(writers, parts, strict=True):
            writer.write(part)
        done += mixture.shape[1]
        if report is not None:
            report(about.path, done, about.frames)
    return peak


def _real(path: Path) -> Path:
    """Where a path leads, also one that leads nowhere (a loop of links, a name too long)."""
    return Path(os.path.realpath(path))


def _guard(path: Path, outputs: Sequence[Path], overwrite: bool, inputs: Set[Path]) -> None:
    """Nothing is lost: not a stem that is there, and never a file of the batch."""
    for file in outputs:
        if _real(file) in inputs:
            raise OutputExistsError(
                f"{path}: its stem {file} would replace a file to separate",
                hint="choose another output folder",
            )
    existing = [file for file in outputs if file.exists()]
    if existing and not overwrite:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise OutputExistsError(
            f"{path}: {existing[0]}{more} is already there",
            hint="use --overwrite to replace, or choose another output folder",
        )


@contextlib.contextmanager
def _new_files(folder: Path, outputs: Sequence[Path]) -> Iterator[list[Path]]:
    """Temporary files for all outputs, renamed when the block ends well and removed when not.

    A folder that was made for nothing goes too.
    """
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        with write_errors(folder), contextlib.ExitStack() as files:
            yield [files.enter_context(atomic_write(path)) for path in outputs]
    except BaseException:
        for part in missing:
            with contextlib.suppress(OSError):  # not empty: it holds another file's stems
                part.rmdir()
        raise
