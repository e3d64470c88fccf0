"""Where notes can sound: the frames of a spectrogram that a player's activations start from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from timbresep.notes.score import Note

EARLY_S, LATE_S = 0.06, 0.15
"""How long before its start and after its end a note may sound: it is written, and rings."""

ONSET_EARLY_S, ONSET_LATE_S = 0.05, 0.1
"""The same of a note's onset, which has noise of its own."""


def near(notes: Sequence[Note], times: NDArray[np.float64]) -> list[Note]:
    """The notes that can sound in some frames; arguments as for `sounding`."""
    first, last = times[0] - LATE_S, times[-1] + EARLY_S
    return [note for note in notes if note.end > first and note.start < last]


def sounding(
    notes: Sequence[Note], pitches: Sequence[float], times: NDArray[np.float64]
) -> NDArray[np.float32]:
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


def onsets(notes: Sequence[Note], times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Frames near to the start of a note, (1, frames); arguments as for `sounding`."""
    row = np.zeros((1, len(times)), np.float32)
    for note in notes:
        first, last = np.searchsorted(
            times, [note.start - ONSET_EARLY_S, note.start + ONSET_LATE_S]
        )
        row[0, first:last] = 1.0
    return row
