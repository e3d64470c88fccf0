"""Notes of what a transcriber hears: where a pitch begins to sound, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from timbresep.notes.score import Note
from timbresep.transcriber import ONSET, SOUNDING

# Chosen one after the other for the note F-measure (beginnings within 50 ms) of 12 validation
# excerpts of 20 s, four each of three sound sources, by a network that had trained for an hour.

SOUNDS = 0.4
"""Probability of sounding at which a note begins and ends."""

SOUNDS_ON = 0.25
"""While the probability is not below this, a note is not interrupted."""

BEGINS = 0.3
"""Probability of a beginning, of two neighbouring frames together, from which there is one: what
begins between two frames is told to both."""

UNTOLD = 0.7
"""Probability of sounding that a note reaches whose beginning is not told."""

GAP_S = 0.06
"""A pause of at most this long within a note is a dropout, unless a note begins after it."""

SHORTEST_S = 0.09
"""A shorter note is none."""

NEAR = 3
"""Frames by which a note's beginning may be away from where it begins to sound."""

Activity = NDArray[np.float32]
Times = NDArray[np.float64]


def decode(activity: Activity, lowest: int, frame_s: float) -> list[Note]:
    """The notes of an instrument.

    Args:
        activity: probabilities (2, pitches, frames), as a `timbresep.transcriber.Transcriber` gives
            them: of sounding, and of beginning.
        lowest: MIDI number of the first pitch.
        frame_s: seconds from one frame to the next; the first is at second 0.

    Returns:
        Notes in order of their start. Their velocity is not known.
    """
    decoder = Decoder(lowest, frame_s)
    return in_order([*decoder.push(activity), *decoder.finish()])


def in_order(notes: list[Note]) -> list[Note]:
    """Notes in order of their start, and of their pitch."""
    return sorted(notes, key=lambda note: (note.start, note.pitch))


class Decoder:
    """Makes notes of activity that comes in stretches; where these are cut makes no difference.

    Args:
        lowest, frame_s: as for `decode`.
    """

    def __init__(self, lowest: int, frame_s: float) -> None:
        self.lowest, self.frame_s = lowest, frame_s
        self._gap = round(GAP_S / frame_s)
        self._held: Activity | None = None  # (2, pitches, frames) that may still be notes
        self._first = 0  # number of its first frame

    def push(self, activity: Activity) -> list[Note]:
        """Take the next stretch (2, pitches, frames).

        Returns:
            The notes that have ended for sure, in no order.
        """
        held = activity.copy()
        if self._held is not None:
            held = np.concatenate([self._held, held], axis=-1)
        return self._take(held, margin=self._gap + 2 * NEAR)

    def finish(self) -> list[Note]:
        """The notes that still sound at the end."""
        held, self._held = self._held, None
        return [] if held is None else self._take(held, margin=-1)

    def _take(self, held: Activity, margin: int) -> list[Note]:
        """Notes that end so many frames before the last one; others stay for the next time."""
        last = held.shape[-1] - margin
        found: list[Note] = []
        kept = last
        for row in np.flatnonzero(held[SOUNDING].max(axis=-1, initial=0) >= SOUNDS_ON):
            sounding, begins = held[SOUNDING, row], beginnings(held[ONSET, row])
            for first, end in _runs(sounding, begins, self._gap):
                if end > last:
                    kept = min(kept, first)
                    break
                found += self._notes(sounding, begins, (first, end), self.lowest + int(row))
                sounding[first:end] = 0.0
        start = max(0, kept - 2 * NEAR)
        self._held, self._first = held[..., start:], self._first + start
        return found

    def _notes(
        self, sounding: Activity, begins: Times, run: tuple[int, int], pitch: int
    ) -> Iterator[Note]:
        """The notes of a run (first, end): it is cut where a note begins."""
        first, last = run
        sounds = first + np.flatnonzero(sounding[first:last] >= SOUNDS)
        if not len(sounds):
            return
        start, end = _rise(sounding, sounds[0]), _rise(sounding, sounds[-1] + 1)
        near = begins[np.abs(begins - start) <= NEAR]
        if len(near):
            start = near[np.argmin(np.abs(near - start))]
        elif sounding[first:last].max() < UNTOLD:
            return
        inside = begins[(begins > start + SHORTEST_S / self.frame_s) & (begins < end)]
        for since, until in pairwise([start, *inside, end]):
            if (until - since) * self.frame_s >= SHORTEST_S:
                yield Note(
                    max(0.0, float(self._first + since) * self.frame_s),
                    float(self._first + until) * self.frame_s,
                    pitch,
                )


def beginnings(onset: Activity) -> Times:
    """Where notes begin, in frames and between them, from the probabilities (frames,) that they do.

    A beginning between two frames is told to both, the more to the nearer one.
    """
    before, after = np.pad(onset, (1, 0))[:-1], np.pad(onset, (0, 1))[1:]
    peak = (onset > before) & (onset >= after) & (onset + np.maximum(before, after) >= BEGINS)
    frames = np.flatnonzero(peak)
    lean = (after - before)[frames] / (before + onset + after)[frames]
    return np.asarray(frames + lean, np.float64)


def _runs(sounding: Activity, begins: Times, gap: int) -> list[tuple[int, int]]:
    """Stretches (first, end) of frames without a pause but for dropouts."""
    edges = np.flatnonzero(np.diff(np.pad(sounding >= SOUNDS_ON, 1).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for first, end in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] <= gap:
            before = runs[-1][1]
            if not ((begins > before - 1) & (begins < first + NEAR)).any():
                runs[-1] = runs[-1][0], end
                continue
        runs.append((first, end))
    return runs


def _rise(sounding: Activity, frame: int) -> float:
    """Where, half a frame later, the probability passes `SOUNDS` before a frame.

    A frame sounds from half a frame before its centre on: that is where a note is most likely to
    begin, or to end.
    """
    before = float(sounding[frame - 1]) if frame else 0.0
    after = float(sounding[frame]) if frame < len(sounding) else 0.0
    if before == after:
        return float(frame)
    return frame - 0.5 + (SOUNDS - before) / (after - before)
