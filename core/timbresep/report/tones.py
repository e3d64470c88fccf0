"""Notes as plain tones, to hear whether they are where a recording has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timbresep.notes.score import StemNotes
from timbresep.units import midi_to_hz

RATE = 22_050
"""Of the tones, Hz."""

PARTIALS = (1.0, 0.4, 0.2, 0.1)
"""Levels of the overtones of a tone: enough to be heard beside an instrument."""

FADE_S, DECAY_S = 0.01, 0.6
LEVEL = 0.15


def tones(stem: StemNotes, duration: float) -> NDArray[np.float32]:
    """The notes of a part as tones that begin at once and decay (1, samples).

    Notes without pitch are short clicks of noise.

    Args:
        stem: the notes.
        duration: seconds of the whole; what comes later is left out.
    """
    wave = np.zeros(max(1, round(duration * RATE)), np.float32)
    noise = np.random.default_rng(0).standard_normal(RATE // 20)
    for note in stem.notes:
        first, last = round(note.start * RATE), min(round(note.end * RATE), len(wave))
        if last <= first:
            continue
        time = np.arange(last - first) / RATE
        shape = np.exp(-time / DECAY_S) * np.minimum(1, time / FADE_S)
        shape *= np.minimum(1, time[::-1] / FADE_S)
        if stem.pitched:
            hz = midi_to_hz(note.pitch)
            heard = [(n, level) for n, level in enumerate(PARTIALS, 1) if n * hz < RATE / 2]
            tone = sum(level * np.sin(2 * np.pi * n * hz * time) for n, level in heard)
        else:
            tone = np.zeros(len(time))
            tone[: len(noise)] = noise[: len(time)]
        wave[first:last] += LEVEL * note.velocity / 127 * shape * tone
    return np.clip(wave, -1, 1)[None]
