"""Listen to recordings: who plays, and what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from timbresep import audio
from timbresep.file_batch import Batch, Told, header, work_through
from timbresep.output_files import real
from timbresep.separation.presence import Levels, Presence, presences
from timbresep.separation.streams import StreamSeparator
from timbresep.streaming import Stream


@dataclass(frozen=True)
class Listened:
    """What was found in a recording.

    Attributes:
        path: the file.
        duration: seconds.
        found: a verdict on each instrument.
        remarks: what is worth knowing of the file, for people.
    """

    path: Path
    duration: float
    found: tuple[Presence, ...]
    remarks: tuple[str, ...] = ()


def listen(
    separator: StreamSeparator, path: Path, report: Callable[[float], None] | None = None
) -> Listened:
    """Find out which of a separator's instruments play in a file.

    Args:
        separator: its `asked` are listened for.
        path: the file.
        report: called with how many seconds of it are done.

    Raises:
        AudioError: the file cannot be read.
    """
    about, names = header(path), separator.asked
    levels, done = Levels(names), 0
    blocks = audio.read_blocks(path)
    for mixture, stems in separator.stream(
        blocks, about.rate, about.channels, names, name=str(path)
    ):
        levels.push(mixture, stems)
        done += mixture.shape[1]
        if report is not None:
            report(done / about.rate)
    again = Stream(audio.read_blocks(path), about.rate, about.channels, str(path))
    heard = separator.notes_in(again, separator.noted(names))
    found = presences(levels.told(), heard, about.duration)
    return Listened(path, about.duration, tuple(found), tuple(about.notes))


def listen_to_all(
    separator: StreamSeparator, files: Sequence[Path], told: Told[Listened]
) -> Batch[Listened]:
    """Listen to files one after another; one that fails is reported and does not end the batch."""
    inputs = {real(path): path for path in files}

    def check(path: Path, _: Path) -> audio.AudioInfo:
        return header(path)

    def one(path: Path, _: Path, done: Callable[[float], None]) -> Listened:
        return listen(separator, path, done)

    return work_through({path: path.parent for path in inputs.values()}, check, one, told)
