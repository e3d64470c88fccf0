"""Separate files: stems are written whole or not at all, and one bad file never ends a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from timbresep import audio
from timbresep.errors import AudioError, TimbresepError
from timbresep.file_batch import Batch, Report, Told, work_through
from timbresep.files import claim, sweep
from timbresep.output_files import folders, new_files, real
from timbresep.separation.file_plan import FilePlan, plan_of
from timbresep.separation.file_work import FileWork, Found
from timbresep.separation.input_file import unchanged
from timbresep.separation.output import Output, check
from timbresep.separation.parts import asked_of, parts_of
from timbresep.separation.presence import Presence
from timbresep.separation.streams import StreamSeparator


@dataclass(frozen=True)
class FileReport:
    """One file that was separated.

    Attributes:
        path: the file.
        outputs: what was written.
        duration: seconds of audio.
        seconds: how long it took.
        notes: remarks, for people.
        kept: files of an earlier run that are left as they are.
        absent: instruments that were left out, since they do not seem to play, and their levels.
        folder: where all of these are.
        everyone: who of those that were looked for seems to play.
    """

    path: Path
    outputs: tuple[Path, ...]
    duration: float
    seconds: float
    notes: tuple[str, ...]
    kept: tuple[Path, ...] = ()
    absent: Mapping[str, float] = field(default_factory=dict)
    folder: Path = Path()
    everyone: tuple[Presence, ...] = ()


BatchReport = Batch[FileReport]
"""What became of each file of a batch."""


def separate_batch(
    separator: StreamSeparator,
    files: Sequence[Path],
    output: Output,
    *,
    instruments: Sequence[str] | None = None,
    report: Report | None = None,
    finished: Callable[[FileReport], None] | None = None,
    failed: Callable[[Path, TimbresepError], None] | None = None,
) -> BatchReport:
    """Separate files one after another; a file that fails is reported and does not end the batch.

    Args:
        separator: loaded once for all of them.
        files: a file named twice is separated once.
        output: where and how to write.
        instruments: names that the separator knows; those that it was opened for by default.
        report: called with the progress of the batch.
        finished, failed: called with each file that is done, or that failed.

    Raises:
        TimbresepError: the output options do not work for any file.
        AudioError: mixture consistency of a single stem, which would be the mixture itself.
    """
    instruments = separator.asked if instruments is None else instruments
    check(output, separator.options)
    asked = asked_of(parts_of(instruments, output.wanted))
    if separator.options.mixture_consistency and len(asked) < 2:
        raise AudioError(
            "with mixture consistency, a single stem would be the mixture itself",
            hint="name every instrument in the mixture, or ask for the residual",
        )
    sweep(output.folder, below=True)
    inputs = {real(path) for path in files}

    def checked(path: Path, folder: Path) -> audio.AudioInfo:
        return plan_of(separator, path, instruments, folder, output).checked(inputs)

    def one(path: Path, folder: Path, done: Callable[[float], None]) -> FileReport:
        return separate_file(
            separator, path, instruments, folder, output, report=done, inputs=inputs
        )

    return work_through(
        folders(files, output.folder, output.inside), checked, one, Told(report, finished, failed)
    )


def separate_file(
    separator: StreamSeparator,
    path: Path,
    instruments: Sequence[str],
    folder: Path,
    output: Output,
    *,
    report: Callable[[float], None] | None = None,
    inputs: Set[Path] = frozenset(),
) -> FileReport:
    """Separate one file into ``<folder>/<instrument>.<format>``, block by block.

    All stems appear when all are complete; on an error, none does.

    Args:
        separator, instruments, output: as for `separate_batch`.
        path: the file.
        folder: of its stems.
        report: called with how many seconds of it are done.
        inputs: files that no stem may replace, besides this one.

    Raises:
        OutputExistsError: a stem is there already and may not be replaced.
        OutputError: another run writes into the folder.
        AudioError: the file cannot be read to its end or changes meanwhile, or a stem cannot be
            written.
    """
    began = time.monotonic()
    plan = plan_of(separator, path, instruments, folder, output)
    about = plan.checked(inputs)
    if not plan.missing:
        return FileReport(
            *(path, (), about.duration, 0.0, ()),
            kept=tuple(plan.kept),
            absent=plan.absent,
            folder=folder,
        )
    with claim(folder):
        found, written = _write(separator, about, plan, output, report)
    notes = list(found.remarks)
    if not written:
        notes.append(f"{path}: none of the instruments seems to play; nothing is written")
    return FileReport(
        *(path, tuple(written), about.duration, time.monotonic() - began, tuple(notes)),
        kept=tuple(plan.kept),
        absent=_absent(plan, found),
        folder=folder,
        everyone=tuple(found.everyone),
    )


def _write(
    separator: StreamSeparator,
    about: audio.AudioInfo,
    plan: FilePlan,
    output: Output,
    report: Callable[[float], None] | None,
) -> tuple[Found, list[Path]]:
    """Make the files of a plan that are missing, and note them: what was found, and written."""
    left_out: set[Path] = set()
    missing, folder = plan.missing, plan.folder
    with new_files(folder, missing, overwrite=output.overwrite, left_out=left_out) as temporary:
        at = dict(zip(missing, temporary, strict=True))
        with unchanged(plan.path):
            found = FileWork(separator, about, plan, at, output).separate(report)
        left_out |= plan.files_of({each.name for each in found.absent})
        written = [file for file in missing if file not in left_out]
        _note(plan, found, {file: at[file] for file in written})  # killed from here on: it is known
    _note(plan, found, {file: file for file in written})
    return found, written


def _note(plan: FilePlan, found: Found, at: Mapping[Path, Path]) -> None:
    if plan.job is not None and at:
        files = {file.name: bytes_at for file, bytes_at in at.items()}
        plan.job.remember(plan.folder, files, _absent(plan, found))


def _absent(plan: FilePlan, found: Found) -> dict[str, float]:
    return {**plan.absent, **{each.name: each.level for each in found.absent}}
