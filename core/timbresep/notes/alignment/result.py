"""An alignment: where a score's times are in a recording, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from timbresep.notes.score import Note, StemNotes

SURE = 0.5  # confidence from which a second is not called unsure
LEAST_UNSURE_S = 3
GRACE_S = 0.5  # notes that begin so little before or after what was found are kept


@dataclass(frozen=True)
class Alignment:
    """Where the times of a score are in a recording.

    Attributes:
        written: seconds of the score, rising, ``(knots,)``.
        sounding: seconds of the recording for each, rising.
        begin, end: seconds of the score between which it was found in the recording.
        duration: of the recording, in seconds.
        confidence: how sure the alignment is in each second of the recording, 0 to 1.
        agreement: share of time in which the notes fit better than they would in another key.
        cost: how unlike score and recording are along the way, 0 to 1.
        transposition: semitones by which the recording is above the score.
        tuning: cents by which it is above that, −60 to 60.
    """

    written: NDArray[np.float64]
    sounding: NDArray[np.float64]
    begin: float
    end: float
    duration: float
    confidence: NDArray[np.float32]
    agreement: float
    cost: float
    transposition: int = 0
    tuning: float = 0.0

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds of the recording for seconds of the score; tempo as written beyond the knots."""
        before = np.minimum(seconds - self.written[0], 0)
        after = np.maximum(seconds - self.written[-1], 0)
        inside: NDArray[np.float64] = np.interp(seconds, self.written, self.sounding)
        moved: NDArray[np.float64] = inside + before + after
        return moved

    def at_ends(self) -> tuple[float, float]:
        """Seconds of the recording between which the score was found."""
        first, last = self.at(np.array([self.begin, self.end])).clip(0, self.duration)
        return float(first), float(last)

    def applied(self, stems: Sequence[StemNotes]) -> list[StemNotes]:
        """Stems in the recording's time and key; notes that it does not have are left out.

        A pitch is that of the nearest key where A4 is 440 Hz.
        """
        return [replace(stem, notes=self._notes(stem)) for stem in stems]

    def left_out(self, stems: Sequence[StemNotes]) -> int:
        """Number of notes that `applied` leaves out."""
        return sum(len(stem.notes) - len(self._notes(stem)) for stem in stems)

    def unsure(self) -> list[tuple[int, int]]:
        """Stretches of the recording, in seconds, where the score was found but hardly fits."""
        low, high = map(int, self.at_ends())
        doubtful = np.zeros(len(self.confidence) + 2, bool)
        doubtful[1:-1] = self.confidence < SURE
        doubtful[: low + 1] = doubtful[high + 2 :] = False
        edges = np.flatnonzero(np.diff(doubtful.astype(np.int8)))
        pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        return [(start, end) for start, end in pairs if end - start >= LEAST_UNSURE_S]

    def _notes(self, stem: StemNotes) -> tuple[Note, ...]:
        if not stem.notes:
            return ()
        spans = self.at(np.array([(note.start, note.end) for note in stem.notes]))
        step = round(self.transposition + self.tuning / 100) if stem.pitched else 0
        low, high = self.begin - GRACE_S, self.end + GRACE_S
        return tuple(
            replace(
                note, start=max(0.0, start), end=min(end, self.duration), pitch=note.pitch + step
            )
            for note, (start, end) in zip(stem.notes, spans.tolist(), strict=True)
            if low <= note.start <= high and end > 0 and start < self.duration
        )
