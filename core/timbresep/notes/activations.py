"""What players play, frame by frame: where their activations start, from a score or by ear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbresep.notes.score import Note, StemNotes
from timbresep.transcriber import ONSET, SOUNDING

Rows = NDArray[np.float32]
Times = NDArray[np.float64]

EARLY_S, LATE_S = 0.06, 0.15
"""How long before its start and after its end a note may sound: it is written, and rings."""

ONSET_EARLY_S, ONSET_LATE_S = 0.05, 0.1
"""The same of a note's onset, which has noise of its own."""

LEAST = 0.05
"""Probability that a pitch sounds somewhere in a stretch, below which it is none of the notes."""

ONSETS = 0.3
"""How loud an onset is at first, against a note that sounds for sure."""


@dataclass(frozen=True)
class Played:
    """What one player plays in a stretch of a recording, as far as it is known.

    Attributes:
        stem, instrument, pitched: as in `StemNotes`.
        pitches: MIDI numbers.
        sounding: how sure it is that each of them sounds, 0 to 1, (pitches, frames); where it is 0,
            it cannot.
        onsets: the same of the beginnings of notes, (1, frames).
    """

    stem: str
    instrument: str
    pitches: tuple[float, ...]
    sounding: Rows
    onsets: Rows
    pitched: bool = True

    @property
    def rests(self) -> bool:
        """Whether nothing sounds."""
        return not (self.sounding.any() or self.onsets.any())


def written(stem: StemNotes, times: Times) -> Played:
    """What a stem plays by its notes.

    Args:
        stem: the notes, in seconds of the recording.
        times: middles of the frames in seconds (frames,), ascending.
    """
    notes = near(stem.notes, times)
    pitches = sorted({note.pitch for note in notes})
    rows = sounding(notes, pitches, times), onsets(notes, times)
    return Played(stem.stem, stem.instrument, tuple(pitches), *rows, pitched=stem.pitched)


def heard(name: str, activity: Rows, lowest: int, frame_s: float, times: Times) -> Played:
    """What an instrument plays by a transcriber.

    Args:
        name: of the instrument.
        activity: probabilities (2, pitches, frames of the transcriber) in the stretch.
        lowest: MIDI number of the first pitch.
        frame_s: seconds from one of the transcriber's frames to the next; the first is at second 0.
        times: middles of the frames wanted, in seconds of the stretch, ascending.
    """
    found = np.flatnonzero(activity[SOUNDING].max(axis=-1, initial=0) >= LEAST)
    place = np.clip(times / frame_s, 0, activity.shape[-1] - 1)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, activity.shape[-1] - 1)
    share = (place - before).astype(np.float32)
    at = activity[..., before] * (1 - share) + activity[..., after] * share
    begins = ONSETS * at[ONSET, found].max(axis=0, initial=0)[None]
    pitches = tuple(float(lowest + row) for row in found)
    return Played(name, name, pitches, at[SOUNDING, found], begins)


def near(notes: Sequence[Note], times: Times) -> list[Note]:
    """The notes that can sound in some frames; arguments as for `sounding`."""
    first, last = times[0] - LATE_S, times[-1] + EARLY_S
    return [note for note in notes if note.end > first and note.start < last]


def sounding(notes: Sequence[Note], pitches: Sequence[float], times: Times) -> Rows:
    """Frames in which each pitch can sound.

    Args:
        notes: of one player.
        pitches: MIDI numbers.
        times: middles of the frames in seconds (frames,), ascending.

    Returns:
        (pitches, frames), 1 where it can and 0 where not.
    """
    rows = np.zeros((len(pitches), len(times)), np.float32)
    place = {pitch: number for number, pitch in enumerate(pitches)}
    for note in notes:
        first, last = np.searchsorted(times, [note.start - EARLY_S, note.end + LATE_S])
        rows[place[note.pitch], first:last] = 1.0
    return rows


def onsets(notes: Sequence[Note], times: Times) -> Rows:
    """Frames near to the start of a note, (1, frames); arguments as for `sounding`."""
    row = np.zeros((1, len(times)), np.float32)
    for note in notes:
        first, last = np.searchsorted(
            times, [note.start - ONSET_EARLY_S, note.start + ONSET_LATE_S]
        )
        row[0, first:last] = 1.0
    return row
