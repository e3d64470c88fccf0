"""A score as it is written, in quarter notes, and how it is played, in seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from timbresep.errors import DataError
from timbresep.notes.playing_order import Bar, playing_order
from timbresep.notes.score import Note, Part, Score
from timbresep.notes.tempo import TempoMap

GRACE = 0.07
"""Seconds of a grace note; it is played before the beat."""

MOST_NOTES = 500_000
"""Notes of a score as it is played."""


@dataclass(frozen=True)
class WrittenNote:
    """A note of a score.

    Attributes:
        start: quarter notes from the beginning of the score.
        length: quarter notes; 0 for a grace note.
        pitch: MIDI number as it sounds; of an unpitched instrument, the key of General MIDI's drum
            map.
        velocity: 1 to 127.
        tied: it continues a note before it.
        ties: it is continued by a note after it.
        grace: of grace notes before one note, how many are left, itself included; otherwise 0.
    """

    start: float
    length: float
    pitch: float
    velocity: int = 80
    tied: bool = False
    ties: bool = False
    grace: int = 0


@dataclass(frozen=True)
class WrittenPart:
    """A part: its `notes` in any order, the rest as in `timbresep.notes.score.Part`."""

    name: str
    notes: Sequence[WrittenNote]
    program: int | None = None
    pitched: bool = True


@dataclass(frozen=True)
class WrittenScore:
    """A score before it is played.

    Attributes:
        parts: in its order.
        bars: in order of their start.
        length: quarter notes.
        tempo: positions are quarter notes.
        assumed: as in `timbresep.notes.score.Score`.
    """

    parts: Sequence[WrittenPart]
    bars: Sequence[Bar]
    length: float
    tempo: TempoMap
    assumed: Sequence[str] = ()


@dataclass(frozen=True)
class _Passage:
    """A bar that is played: from second `clock` on, what is written from second `written` on."""

    bar: int
    clock: float
    written: float


def perform(score: WrittenScore, *, repeats: bool = True) -> Score:
    """Play a score as it is written.

    Args:
        score: what is played.
        repeats: take repeats, endings and jumps.

    Raises:
        DataError: repeats make it endless (see `playing_order`), or more than `MOST_NOTES`.
    """
    passages = list(_passages(score, repeats=repeats))
    barred = [_by_bar(part, score.bars) for part in score.parts]
    notes = sum(len(bars[passage.bar]) for bars in barred for passage in passages)
    if notes > MOST_NOTES:
        raise DataError(f"it has {notes} notes as it is played; {MOST_NOTES} are the most")
    assumed = list(score.assumed)
    graces = sum(note.grace > 0 for part in score.parts for note in part.notes)
    if graces:
        assumed.append(f"{graces} grace notes last {GRACE:g} s each and are played before the beat")
    parts = [
        Part(part.name, _play(bars, passages, score.tempo), part.program, part.pitched)
        for part, bars in zip(score.parts, barred, strict=True)
    ]
    return Score(tuple(part for part in parts if part.notes), tuple(assumed))


def _passages(score: WrittenScore, *, repeats: bool) -> Iterator[_Passage]:
    starts = [score.tempo.seconds(bar.start) for bar in score.bars]
    ends = [*starts[1:], score.tempo.seconds(max(score.length, score.bars[-1].start))]
    clock = 0.0
    for k in playing_order(score.bars, repeats=repeats):
        yield _Passage(k, clock, starts[k])
        clock += ends[k] - starts[k]


def _by_bar(part: WrittenPart, bars: Sequence[Bar]) -> list[list[WrittenNote]]:
    """The notes that begin in each bar, in order."""
    starts = [bar.start for bar in bars]
    found: list[list[WrittenNote]] = [[] for _ in bars]
    for note in sorted(part.notes, key=lambda note: note.start):
        found[max(0, bisect_right(starts, note.start + 1e-6) - 1)].append(note)
    return found


def _play(
    bars: Sequence[Sequence[WrittenNote]], passages: Sequence[_Passage], tempo: TempoMap
) -> tuple[Note, ...]:
    """The notes of a part as they sound; a note that is tied makes the one before it longer."""
    played: list[Note] = []
    tied: dict[float, int] = {}  # pitch → note that goes on
    for passage in passages:
        for note in bars[passage.bar]:
            begins = tempo.seconds(note.start)
            start = passage.clock + begins - passage.written
            end = start + tempo.seconds(note.start + note.length) - begins
            if note.grace:
                start = max(0.0, start - note.grace * GRACE)
                end = start + GRACE
            before = tied.pop(note.pitch, None) if note.tied else None
            if before is not None and abs(played[before].end - start) < 1e-3:
                first = played[before]
                played[before] = Note(first.start, end, first.pitch, first.velocity)
            else:
                before = len(played)
                played.append(Note(start, end, note.pitch, note.velocity))
            if note.ties:
                tied[note.pitch] = before
    return tuple(sorted(played, key=lambda note: (note.start, note.pitch)))
