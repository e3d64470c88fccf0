"""What a transcriber should answer: the notes of a stem as frames of pitches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.data.track import Track
from timbresep.notes.labels import read_labels
from timbresep.notes.reading import read
from timbresep.notes.score import Note
from timbresep.transcriber import KINDS, ONSET, SOUNDING, Transcriber
from timbresep.units import pitch_ratio

Roll = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """The frames and pitches that a transcriber hears.

    Attributes:
        rate: Hz.
        hop: samples from one frame to the next; frame ``k`` is centred on sample ``k · hop``.
        lowest: MIDI number of the lowest pitch.
        pitches: how many semitones.
    """

    rate: int
    hop: int
    lowest: int
    pitches: int

    @classmethod
    def of(cls, network: Transcriber) -> Grid:
        """Those of a network."""
        return cls(network.sample_rate, network.hop, network.lowest, network.pitches)

    def frames(self, samples: int) -> int:
        """Frames of so many samples at `rate`."""
        return -(-samples // self.hop)

    def roll(self, notes: Iterable[Note], samples: int, *, semitones: float, start: float) -> Roll:
        """Notes of a stretch of a recording that is played faster, and so higher.

        Args:
            notes: in seconds of the recording.
            samples: length of the stretch once it is played, at `rate`.
            semitones: how much higher.
            start: second of the recording at which it starts.

        Returns:
            (2, pitches, frames): 1 where a pitch sounds, and from 1 down to 0 within a frame of
            where a note begins.
        """
        count = self.frames(samples)
        roll = np.zeros((KINDS, self.pitches, count), np.float32)
        per_second = self.rate / self.hop / pitch_ratio(semitones)
        for note in notes:
            row = round(note.pitch + semitones) - self.lowest
            first, last = (note.start - start) * per_second, (note.end - start) * per_second
            if not 0 <= row < self.pitches or last <= 0 or first >= count:
                continue
            # A short note sounds in one frame at least.
            begin, end = max(0, round(first)), max(round(first) + 1, round(last))
            roll[SOUNDING, row, begin:end] = 1.0
            for frame in {int(np.floor(first)), int(np.ceil(first))}:
                if 0 <= frame < count:
                    near = np.float32(1 - abs(frame - first))
                    roll[ONSET, row, frame] = max(roll[ONSET, row, frame], near)
        return roll


class NoteTargets:
    """The notes of tracks' stems, read from the files that have them.

    Args:
        grid: of the transcriber.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._files: dict[Path, dict[str, StemTimes]] = {}

    def known(self, track: Track) -> bool:
        """Whether the notes of every stem are known.

        A file that holds one stem's notes alone is read when it is needed.

        Raises:
            DataError: the file that holds those of all stems cannot be read.
        """
        return all(
            label in track.written
            and all(
                at.part is None or at.part in self._parts(at.file) for at in track.written[label]
            )
            for label in track.stems
        )

    def of(self, track: Track, label: str, first: int, *, semitones: float, samples: int) -> Roll:
        """What there is to hear of a stem; of an instrument without pitch, nothing.

        Args:
            track: where it is; the stem's notes are known.
            label: of the stem.
            first: its first sample in the track.
            semitones: how much it is shifted.
            samples: how many are heard, at the grid's rate.

        Returns:
            (2, pitches, frames)

        Raises:
            DataError: a file of notes cannot be read.
        """
        start = (track.first + first) / track.rate
        frame = self.grid.hop / self.grid.rate * pitch_ratio(semitones)
        end = start + (self.grid.frames(samples) + 1) * frame
        notes = [
            note
            for at in track.written[label]
            for name, times in self._parts(at.file).items()
            if at.part in (None, name)
            for note in times.between(start, end)
        ]
        return self.grid.roll(notes, samples, semitones=semitones, start=start)

    def silence(self, samples: int) -> Roll:
        """What there is to hear of an instrument that is absent; arguments as for `of`."""
        return self.grid.roll((), samples, semitones=0.0, start=0.0)

    def _parts(self, file: Path) -> dict[str, StemTimes]:
        """The parts of a file by name; of those that share one, all notes."""
        if file not in self._files:
            notes: dict[str, list[Note]] = {}
            score = read_labels(file) if file.suffix == ".csv" else read(file)
            for part in score.parts:
                notes.setdefault(part.name, []).extend(part.notes if part.pitched else ())
            self._files[file] = {name: StemTimes.of(each) for name, each in notes.items()}
        return self._files[file]


@dataclass(frozen=True)
class StemTimes:
    """The notes of a stem, in little memory: every process that mixes keeps those of all tracks.

    Attributes:
        table: seconds of start and of end, and pitch, (3, notes).
    """

    table: NDArray[np.float64]

    @classmethod
    def of(cls, notes: Sequence[Note]) -> StemTimes:
        """Those of notes; without pitch there are none."""
        rows = [(note.start, note.end, note.pitch) for note in notes]
        return cls(np.array(rows, np.float64).reshape(-1, 3).T.copy())

    def between(self, start: float, end: float) -> list[Note]:
        """The notes that sound between two seconds."""
        starts, ends, _ = self.table
        heard = self.table[:, (ends > start) & (starts < end)]
        return [Note(first, last, pitch) for first, last, pitch in heard.T.tolist()]
