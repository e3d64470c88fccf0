"""Separate a file: its stems are written whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from timbresep import audio
from timbresep.files import claim
from timbresep.output_files import new_files
from timbresep.separation.file_plan import FilePlan, plan_of
from timbresep.separation.file_work import FileWork, Found
from timbresep.separation.input_file import unchanged
from timbresep.separation.output import Output
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
        separator, instruments, output: as for `timbresep.separation.batch.separate_batch`.
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
