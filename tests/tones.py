"""Players of known tones, whose sum is a mixture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from timbresep.condition.parts import HARMONICS, REGISTERS, compress
from timbresep.notes.score import Note, StemNotes
from timbresep.units import midi_to_hz

Wave = NDArray[np.float32]

REED = (0.6, 0.02, 0.5, 0.02, 0.3, 0.02, 0.2)
"""Amplitudes of the overtones of a player, and of another."""
HORN = (0.1, 0.5, 0.1, 0.4, 0.05, 0.3, 0.02, 0.2)


def line(name: str, pitches: Sequence[float], beat: float = 0.5, *, first: float = 0) -> StemNotes:
    """A stem of notes of a beat, one after the other; its instrument is its name less a number."""
    notes = (Note(first + beat * k, first + beat * (k + 1), p) for k, p in enumerate(pitches))
    return StemNotes(name, name.rpartition("_")[0] or name, tuple(notes))


def played(
    stem: StemNotes, seconds: float, rate: int, overtones: Sequence[float] = REED, cents: float = 0
) -> Wave:
    """The tones of a stem's notes, (samples,)."""
    wave = np.zeros(round(seconds * rate))
    for note in stem.notes:
        span = slice(round(note.start * rate), min(len(wave), round(note.end * rate)))
        time = np.arange(span.stop - span.start) / rate
        f0 = float(midi_to_hz(note.pitch + cents / 100))
        fade = np.clip(np.minimum(time, time[::-1]) / 0.02, 0, 1)
        for k, share in enumerate(overtones, 1):
            if k * f0 < rate / 2:
                wave[span] += 0.2 * share * fade * np.sin(2 * np.pi * k * f0 * time + k)
    return wave.astype(np.float32)


def condition(overtones: Sequence[float], registers: Sequence[int] = range(REGISTERS)) -> Wave:
    """A condition of version 1 whose overtones are known in some registers."""
    table = np.zeros((REGISTERS, HARMONICS + 1))
    shares = np.pad(np.asarray(overtones, float), (0, HARMONICS - len(overtones)))
    for register in registers:
        table[register] = [*compress(shares / shares.sum()), 1 / len(registers)]
    return table.reshape(-1).astype(np.float32)
