"""Notes and scores, in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """A note, written, played or transcribed.

    Attributes:
        start, end: seconds; the end is later.
        pitch: MIDI number; of an unpitched instrument, the key of General MIDI's drum map.
        velocity: 1 to 127.
    """

    start: float
    end: float
    pitch: float
    velocity: int = 80


@dataclass(frozen=True)
class Part:
    """A part of a score.

    Attributes:
        name: as it is written; may be empty.
        notes: in order of their start.
        program: General MIDI program, 0 to 127, if the score says one.
        pitched: False for percussion without pitch.
    """

    name: str
    notes: tuple[Note, ...]
    program: int | None = None
    pitched: bool = True


@dataclass(frozen=True)
class Score:
    """Parts that are played together.

    Attributes:
        parts: as the score orders them, those without notes left out.
        assumed: what was assumed in reading it, a sentence each, for people.
    """

    parts: tuple[Part, ...]
    assumed: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Second at which the last note ends."""
        return max((note.end for part in self.parts for note in part.notes), default=0.0)


@dataclass(frozen=True)
class StemNotes:
    """The notes of one stem: a part of a score that is taken for an instrument.

    Attributes:
        stem: its name, as files are called: the instrument; with a number (`…_1`, `…_2`) where two
            parts or more are taken for it.
        instrument: name of the instrument; that of the part where no plugin fits.
        notes: in order of their start.
        pitched: as in `Part`.
    """

    stem: str
    instrument: str
    notes: tuple[Note, ...]
    pitched: bool = True
