"""A score and a transcriber together: what the score lacks is heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from timbresep.notes.activations import Played, Rows
from timbresep.notes.templates import Overtones
from timbresep.separation.note_model import Trust, Window
from timbresep.separation.note_sources import Notes, Transcribed

SURE = 0.2
"""Probability from which a note that no part has is believed."""


@dataclass(frozen=True)
class Corrected:
    """The notes of a score, notes that are missing in it, and parts that it lacks.

    A note is heard in addition where no part of the score has its pitch: there the score explains
    the mixture already.

    Attributes:
        score: what is written.
        ear: hears instruments of the score, and others.
    """

    score: Notes
    ear: Transcribed

    @property
    def names(self) -> tuple[str, ...]:
        """See `NoteSource`."""
        return (*self.score.names, *self._unwritten)

    @property
    def overtones(self) -> Mapping[str, Overtones]:
        """See `NoteSource`."""
        return {**self.ear.overtones, **self.score.overtones}

    @property
    def partial(self) -> bool:
        """See `NoteSource`."""
        return self.score.partial

    @property
    def trust(self) -> Trust:
        """See `NoteSource`."""
        return self.score.trust

    def instrument(self, name: str) -> str:
        """See `NoteSource`."""
        return self.score.instrument(name)

    def played(self, signal: Tensor, names: Sequence[str], window: Window) -> list[Played]:
        """See `NoteSource`."""
        written = self.score.played(signal, [n for n in names if self.score.of(n)], window)
        others = [name for name in names if name in self._unwritten]
        known = [each.instrument for each in written if each.pitched]
        asked = [n for n in dict.fromkeys((*known, *others)) if n in self.ear.names]
        heard = {each.stem: each for each in self.ear.played(signal, asked, window)}
        taken = _pitches_of(written)
        found = [
            _added(each, heard[each.instrument], taken) if each.instrument in heard else each
            for each in written
        ]
        return found + [heard[name] for name in others if name in heard]

    @property
    def _unwritten(self) -> tuple[str, ...]:
        """Instruments that are heard, and not in the score."""
        instruments = {stem.instrument for stem in self.score.stems}
        return tuple(name for name in self.ear.names if name not in instruments)


def _pitches_of(written: Sequence[Played]) -> dict[float, Rows]:
    """Pitch → frames (frames,) in which some part has it."""
    taken: dict[float, Rows] = {}
    for each in written:
        for pitch, row in zip(each.pitches, each.sounding, strict=True):
            taken[pitch] = np.maximum(taken.get(pitch, 0), row)
    return taken


def _added(part: Played, heard: Played, taken: Mapping[float, Rows]) -> Played:
    """A part, and the notes that are heard beside it."""
    rows = dict(zip(part.pitches, part.sounding, strict=True))
    for pitch, row in zip(heard.pitches, heard.sounding, strict=True):
        new = row * (row >= SURE) * (1 - taken.get(pitch, np.zeros_like(row)))
        if new.any():
            rows[pitch] = np.maximum(rows.get(pitch, 0), new)
    pitches = tuple(sorted(rows))
    sounding = np.stack([rows[p] for p in pitches]).astype(np.float32)
    return replace(part, pitches=pitches, sounding=sounding)
