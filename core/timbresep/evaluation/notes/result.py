"""What an evaluation of notes finds: rows of scores, track by track."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from timbresep.evaluation.result import Skipped

Method = Literal["transcriber", "earlier", "swapped", "unlabelled", "silence"]
METHODS: tuple[Method, ...] = ("transcriber", "earlier", "swapped", "unlabelled", "silence")

EVERYONE = "(everyone)"  # no instrument can have this name


@dataclass(frozen=True)
class NoteRow:
    """One instrument of one track under one method; scores from 0 to 1.

    Of everyone, the notes of all instruments are one set: who plays them does not matter. The
    swapped row is the mean over the conditions of all other instruments, of frames only.
    Unlabelled: the notes that everyone plays are given to each.

    Attributes:
        true: how many notes it plays.
        heard: how many were heard.
        frame_precision, frame_recall, frame_f: of pairs of frame and pitch that sound.
        note_precision, note_recall, note_f: of notes that begin in time.
        offset_precision, offset_recall, offset_f: of notes that begin and end in time.
    """

    track: str
    instrument: str
    method: Method
    true: int
    heard: int | None
    frame_precision: float
    frame_recall: float
    frame_f: float
    note_precision: float | None = None
    note_recall: float | None = None
    note_f: float | None = None
    offset_precision: float | None = None
    offset_recall: float | None = None
    offset_f: float | None = None


@dataclass(frozen=True)
class NoteSwap:
    """Frame F when a track's instrument is asked for with another's condition."""

    track: str
    instrument: str
    condition: str
    frame_f: float


@dataclass(frozen=True)
class FalseNotes:
    """What was heard of an instrument that has no notes in the track: so many notes a minute."""

    track: str
    instrument: str
    per_minute: float


@dataclass
class NoteScores:
    """Everything found in one track.

    Attributes:
        track: its name.
        rows, everyone, swaps, absent: the scores.
        remarks: what a reader of the scores should know, one line each.
    """

    track: str
    rows: list[NoteRow] = field(default_factory=list)
    everyone: list[NoteRow] = field(default_factory=list)
    swaps: list[NoteSwap] = field(default_factory=list)
    absent: list[FalseNotes] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass
class NoteEvaluation:
    """All scores; see `timbresep.evaluation.notes.table` for tables.

    Attributes:
        instruments: those that were asked for.
        tracks: the scores of each track.
        skipped: the tracks that could not be scored.
    """

    instruments: tuple[str, ...]
    tracks: list[NoteScores] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def rows(self) -> list[NoteRow]:
        """The rows of all tracks."""
        return [row for track in self.tracks for row in track.rows]

    @property
    def everyone(self) -> list[NoteRow]:
        """The rows without labels of all tracks."""
        return [row for track in self.tracks for row in track.everyone]

    @property
    def swaps(self) -> list[NoteSwap]:
        """The swaps of all tracks."""
        return [swap for track in self.tracks for swap in track.swaps]

    @property
    def absent(self) -> list[FalseNotes]:
        """What was heard of absent instruments, in all tracks."""
        return [found for track in self.tracks for found in track.absent]
