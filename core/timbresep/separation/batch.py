"""Separate files: stems are written whole or not at all, and one bad file never ends a batch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.audio.writer import AudioWriter, checked_subtype
from timbresep.errors import AudioError, TimbresepError
from timbresep.file_batch import Batch, Report, Told, header, work_through
from timbresep.files import sweep
from timbresep.notes import midi
from timbresep.output_files import folders, guard, new_files, real
from timbresep.separation.options import SeparationOptions
from timbresep.separation.streams import StreamSeparator
from timbresep.streaming import Stream, check_loudness

RESIDUAL = "residual"


@dataclass(frozen=True)
class Output:
    """How stems are written.

    Attributes:
        folder: stems go to ``<folder>/<file>/<instrument>.<format>``.
        format: wav or flac.
        subtype: FLOAT, PCM_24 or PCM_16; None for the format's best.
        residual: also write what the stems leave of the mixture.
        overwrite: replace stems that are there.
        midi: also write the notes of each stem that has some, or in which some can be heard, as
            ``<instrument>.mid``.
    """

    folder: Path
    format: str = "wav"
    subtype: str | None = None
    residual: bool = False
    overwrite: bool = False
    midi: bool = False


@dataclass(frozen=True)
class FileReport:
    """One file that was separated: what was written, seconds of audio, seconds it took, notes."""

    path: Path
    outputs: tuple[Path, ...]
    duration: float
    seconds: float
    notes: tuple[str, ...]


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
    if separator.options.mixture_consistency and len(instruments) < 2:
        raise AudioError(
            "with mixture consistency, a single stem would be the mixture itself",
            hint="name every instrument in the mixture, or ask for the residual",
        )
    sweep(output.folder, below=True)
    inputs = {real(path) for path in files}

    def checked(path: Path, folder: Path) -> audio.AudioInfo:
        return _checked(path, _outputs(folder, instruments, output), output, inputs)

    def one(path: Path, folder: Path, done: Callable[[float], None]) -> FileReport:
        return separate_file(
            separator, path, instruments, folder, output, report=done, inputs=inputs
        )

    return work_through(folders(files, output.folder), checked, one, Told(report, finished, failed))


def check(output: Output, options: SeparationOptions) -> None:
    """Check the output options before any work.

    Raises:
        AudioError: the format cannot hold the subtype; mixture consistency and a residual, which
            would be silent.
    """
    checked_subtype(Path(f"stem.{output.format}"), output.subtype)
    if options.mixture_consistency and output.residual:
        raise AudioError(
            "with mixture consistency, stems leave no residual", hint="choose one of the two"
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
        AudioError: the file cannot be read to its end, or a stem cannot be written.
    """
    began = time.monotonic()
    sounds = _outputs(folder, instruments, output)
    noted = separator.noted(instruments) if output.midi else []
    outputs = [*sounds, *(folder / f"{name}.mid" for name in noted)]
    about = _checked(path, outputs, output, inputs)
    with (
        new_files(folder, outputs, overwrite=output.overwrite) as temporary,
        contextlib.ExitStack() as opened,
    ):
        writers = [
            opened.enter_context(
                AudioWriter(
                    part,
                    final,
                    about.rate,
                    about.channels,
                    frames=about.frames,
                    subtype=output.subtype,
                )
            )
            for part, final in zip(temporary[: len(sounds)], sounds, strict=True)
        ]
        peak = _fill(separator, about, instruments, writers, report)
        again = Stream(audio.read_blocks(path), about.rate, about.channels, str(path))
        heard = separator.notes_in(again, noted)
        for stem, file in zip(heard, temporary[len(sounds) :], strict=True):
            file.write_bytes(midi.encoded([stem]))  # the whole is atomic
    notes = [*about.notes, *(note for writer in writers if (note := writer.clipped()))]
    if peak == 0.0:
        notes.insert(0, f"{path} is silent, and so are its stems")
    seconds = time.monotonic() - began
    return FileReport(path, tuple(outputs), about.duration, seconds, tuple(notes))


def _outputs(folder: Path, instruments: Sequence[str], output: Output) -> list[Path]:
    """The files that a file's stems go to, in the order of the instruments."""
    names = [*instruments, RESIDUAL] if output.residual else list(instruments)
    return [folder / f"{name}.{output.format}" for name in names]


def _checked(
    path: Path, outputs: Sequence[Path], output: Output, inputs: Set[Path]
) -> audio.AudioInfo:
    """A file's header, after a check that it can be opened and that its stems may be written."""
    about = header(path)
    guard(path, outputs, {real(path), *inputs}, overwrite=output.overwrite)
    return about


def _fill(
    separator: StreamSeparator,
    about: audio.AudioInfo,
    instruments: Sequence[str],
    writers: Sequence[AudioWriter],
    report: Callable[[float], None] | None,
) -> float:
    """Stream the file through the separator into the writers; gives the mixture's peak.

    A writer more than there are instruments gets the residual.
    """
    peak, done = 0.0, 0
    blocks = audio.read_blocks(about.path)
    for mixture, stems in separator.stream(
        blocks, about.rate, about.channels, instruments, name=str(about.path)
    ):
        peak = max(peak, float(np.abs(mixture).max()))
        parts = list(stems)
        if len(writers) > len(stems):
            with np.errstate(over="ignore", invalid="ignore"):
                parts.append(mixture - stems.sum(axis=0))
            check_loudness(parts[-1], str(about.path))
        for writer, part in zip(writers, parts, strict=True):
            writer.write(part)
        done += mixture.shape[1]
        if report is not None:
            report(done / about.rate)
    return peak
