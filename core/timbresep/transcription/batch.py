"""Transcribe files: their notes are written whole or not at all; a bad file never ends a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from timbresep import audio
from timbresep.file_batch import Batch, Told, header, work_through
from timbresep.files import sweep
from timbresep.notes import midi
from timbresep.notes.score import StemNotes
from timbresep.output_files import folders, guard, new_files, real
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.transcribe import transcribe


@dataclass(frozen=True)
class Output:
    """How notes are written.

    Attributes:
        folder: notes go to ``<folder>/<file>/notes.mid``.
        overwrite: replace notes that are there.
        programs: General MIDI program, 0 to 127, of some instruments.
    """

    folder: Path
    overwrite: bool = False
    programs: Mapping[str, int] | None = None


@dataclass(frozen=True)
class FileNotes:
    """One file that was transcribed.

    Attributes:
        path: the file.
        output: what was written.
        stems: the notes of each instrument.
        duration: seconds of audio.
        seconds: how long it took.
        remarks: what is worth knowing, for people.
    """

    path: Path
    output: Path
    stems: tuple[StemNotes, ...]
    duration: float
    seconds: float
    remarks: tuple[str, ...]


def transcribe_batch(
    hearing: Hearing,
    files: Sequence[Path],
    output: Output,
    names: Sequence[str] | None = None,
    *,
    told: Told[FileNotes] | None = None,
) -> Batch[FileNotes]:
    """Transcribe files one after another; one that fails is reported and does not end the batch.

    Args:
        hearing: the transcriber, loaded once for all of them.
        files: a file named twice is transcribed once.
        output: where and how to write.
        names: instruments that the transcriber knows; those that it was opened for by default.
        told: who is told of the progress.
    """
    sweep(output.folder, below=True)
    inputs = {real(path) for path in files}

    def checked(path: Path, folder: Path) -> audio.AudioInfo:
        return _checked(path, folder / midi.TRACK_NOTES, output, inputs)

    def one(path: Path, folder: Path, done: Callable[[float], None]) -> FileNotes:
        return _transcribed(hearing, checked(path, folder), folder, (output, names), done)

    return work_through(folders(files, output.folder), checked, one, told or Told())


def _checked(path: Path, file: Path, output: Output, inputs: Set[Path]) -> audio.AudioInfo:
    about = header(path)
    guard(path, [file], {real(path), *inputs}, overwrite=output.overwrite)
    return about


def _transcribed(
    hearing: Hearing,
    about: audio.AudioInfo,
    folder: Path,
    how: tuple[Output, Sequence[str] | None],
    done: Callable[[float], None],
) -> FileNotes:
    """Transcribe one file."""
    began = time.monotonic()
    output, names = how
    file = folder / midi.TRACK_NOTES
    with new_files(folder, [file], overwrite=output.overwrite) as (temporary,):
        heard = transcribe(
            hearing,
            audio.read_blocks(about.path),
            about.rate,
            about.channels,
            names,
            name=str(about.path),
            report=done,
        )
        temporary.write_bytes(midi.encoded(heard.stems, output.programs))  # the whole is atomic
    remarks = list(about.notes)
    if not any(stem.notes for stem in heard.stems):
        silent = "is silent, and has no notes" if heard.silent else "has no notes to hear"
        remarks.insert(0, f"{about.path} {silent}")
    seconds = time.monotonic() - began
    return FileNotes(about.path, file, heard.stems, about.duration, seconds, tuple(remarks))
