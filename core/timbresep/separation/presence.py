"""Which instruments play in a recording: from how loud their stems are, and the notes heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from timbresep.notes.score import StemNotes
from timbresep.streaming import Rows
from timbresep.units import note_name

LOUD = -16.0
"""Level of a stem from which its instrument plays whatever its notes are, dB to the mixture."""

SOFT = -18.0
"""The same if it has notes for a good part of the time."""

PART = 0.5
"""This part of the recording's length."""

SILENCE = -120.0
"""The least level that is told, dB."""


@dataclass(frozen=True)
class Presence:
    """Whether an instrument plays.

    Attributes:
        name: the instrument.
        level: of its stem against the mixture, dB, over the whole recording; not below -120.
        plays: the verdict.
        notes: its notes, if a transcriber listened for it.
        sounding: how long they last, all added up, in seconds.
    """

    name: str
    level: float
    plays: bool
    notes: StemNotes | None = None
    sounding: float = 0.0

    @property
    def range(self) -> str:
        """Its lowest and highest note, such as ``G3 – E6``; empty without notes."""
        if self.notes is None or not self.notes.notes:
            return ""
        pitches = [note.pitch for note in self.notes.notes]
        return f"{note_name(min(pitches))} – {note_name(max(pitches))}"


class Levels:
    """How loud stems are against their mixture, measured block by block."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._mixture = 0.0
        self._stems = np.zeros(len(self.names))

    def push(self, mixture: Rows, stems: Rows) -> None:
        """Take a stretch (channels, samples) and its stems (instruments, channels, samples)."""
        self._mixture += float(np.square(mixture, dtype=np.float64).sum())
        self._stems += np.square(stems, dtype=np.float64).sum(axis=(1, 2))

    def told(self) -> dict[str, float]:
        """Name → level in dB to the mixture; of a silent mixture, -120."""
        if self._mixture == 0:
            return dict.fromkeys(self.names, SILENCE)
        shares = np.maximum(self._stems / self._mixture, 10 ** (SILENCE / 10))
        return dict(zip(self.names, (10 * np.log10(shares)).tolist(), strict=True))


def presences(
    levels: Mapping[str, float], heard: Sequence[StemNotes], seconds: float
) -> list[Presence]:
    """Who plays, by stems' levels and notes.

    An instrument plays if its stem is loud, or if it is not very soft and has notes for a good part
    of the time. The thresholds were chosen by `benchmarks/presence.py` on validation sets.

    Args:
        levels: name → level of its stem in dB to the mixture.
        heard: notes of those that a transcriber listened for.
        seconds: length of the recording.
    """
    known = {stem.stem: stem for stem in heard}
    found = []
    for name, level in levels.items():
        notes = known.get(name)
        sounding = sum(note.end - note.start for note in notes.notes) if notes else 0.0
        long = seconds > 0 and sounding / seconds >= PART
        plays = level >= LOUD or (level >= SOFT and long)
        found.append(Presence(name, level, plays, notes, sounding))
    return found
