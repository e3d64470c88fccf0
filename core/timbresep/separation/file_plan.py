"""What is to be made of a file: all that is asked for, less what an earlier run has made."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from timbresep import audio
from timbresep.file_batch import header
from timbresep.output_files import guard, real
from timbresep.separation.ledger import Job
from timbresep.separation.output import Output
from timbresep.separation.parts import Part, parts_of
from timbresep.separation.streams import StreamSeparator


@dataclass(frozen=True)
class FilePlan:
    """What is to be made of a file.

    Attributes:
        path, folder: the file, and where its stems go.
        ending: of the stems' files.
        parts: to be written, those that are missing.
        midi: stems whose notes are to be written, those that are missing.
        kept: files that are done already.
        absent: instruments that an earlier run has left out, and their levels.
        job: what a rerun knows the files by.
        overwrite: whether files that are there are replaced.
    """

    path: Path
    folder: Path
    ending: str
    parts: tuple[Part, ...]
    midi: tuple[str, ...]
    kept: tuple[Path, ...]
    absent: Mapping[str, float]
    job: Job | None
    overwrite: bool

    def file(self, name: str) -> Path:
        """The file of a part."""
        return self.folder / f"{name}.{self.ending}"

    def files_of(self, absent: Set[str]) -> set[Path]:
        """The files that are left out if some instruments do not play."""
        gone = [p.name for p in self.parts if p.optional and set(p.stems) <= absent]
        return {self.file(name) for name in gone} | {self.folder / f"{n}.mid" for n in absent}

    @property
    def missing(self) -> list[Path]:
        """The files that are to be written: audio, then notes."""
        sounds = [self.file(part.name) for part in self.parts]
        return [*sounds, *(self.folder / f"{name}.mid" for name in self.midi)]

    def checked(self, inputs: Set[Path]) -> audio.AudioInfo:
        """The file's header, after a check that its stems may be written."""
        about = header(self.path)
        guard(self.path, self.missing, {real(self.path), *inputs}, overwrite=self.overwrite)
        return about


def plan_of(
    separator: StreamSeparator,
    path: Path,
    instruments: Sequence[str],
    folder: Path,
    output: Output,
) -> FilePlan:
    """What is to be made of a file; arguments as for `separate_file`."""
    job, absent = None, {}
    if output.settings is not None:
        with contextlib.suppress(OSError):  # told when it is opened
            job = Job.of(path, {**output.settings, "subtype": output.subtype}, instruments)
    if job is not None and not (output.overwrite or output.wanted.keep_absent):
        absent = {n: v for n, v in job.absent(folder).items() if n in instruments}
    wanted = [name for name in instruments if name not in absent]
    parts = parts_of(wanted, output.wanted) if wanted or output.wanted.minus else []
    noted = separator.noted(wanted) if output.midi else []
    names = [*(f"{part.name}.{output.format}" for part in parts), *(f"{n}.mid" for n in noted)]
    done: set[str] = set()
    if job is not None and not output.overwrite:
        done = job.done(folder, names, absent)
    return FilePlan(
        path,
        folder,
        output.format,
        tuple(part for part in parts if f"{part.name}.{output.format}" not in done),
        tuple(name for name in noted if f"{name}.mid" not in done),
        tuple(folder / name for name in names if name in done),
        absent,
        job,
        output.overwrite,
    )
