"""A mixing desk: stems get a place, a room and a common master, and still sum to their mixture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import fftconvolve

from timbresep.data.rendering.waveform import RATE
from timbresep.units import db_to_amplitude

Wave = NDArray[np.float32]
"""A waveform, (channels, samples)."""

CEILING = 0.97
ATTACK_S = 0.05  # the compressor follows the level over this time
LOOK_AHEAD_S = 0.005
RATIO = 2.0


def panned(wave: Wave, place: float) -> Wave:
    """A mono waveform in stereo, with equal power: `place` is −1 at the left and 1 at the right."""
    angle = (place + 1) * np.pi / 4
    sides = np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])
    return (sides[:, None] * wave.mean(axis=0)).astype(np.float32)


def in_room(wave: Wave, seconds: float, wet_db: float, rng: np.random.Generator) -> Wave:
    """A stereo waveform with the reverberation of a room.

    Args:
        wave: (2, samples).
        seconds: time in which the room's sound falls by 60 dB.
        wet_db: level of the reverberation against the direct sound.
        rng: draws the room.
    """
    time = np.arange(round(seconds * RATE)) / RATE
    noise = rng.standard_normal((2, len(time))) * 10 ** (-3 * time / seconds)
    noise[:, : round(0.01 * RATE)] = 0  # the first reflection comes after 10 ms
    noise /= np.sqrt(np.square(noise).sum(axis=1, keepdims=True))
    tail = fftconvolve(wave, noise, axes=1)[:, : wave.shape[1]]
    return (wave + db_to_amplitude(wet_db) * tail).astype(np.float32)


def level(wave: Wave) -> float:
    """RMS of a waveform in dBFS."""
    return float(10 * np.log10(np.square(wave, dtype=np.float64).mean() + 1e-20))


def mastered(stems: Mapping[str, Wave], level_db: float) -> dict[str, Wave]:
    """Stems under one common gain, which compresses and limits their mixture as a master is.

    Args:
        stems: (2, samples) each.
        level_db: RMS of the mixture in dBFS, reached as far as the limiter lets it.
    """
    mixture = sum(stems.values())
    assert isinstance(mixture, np.ndarray)
    power = uniform_filter1d(
        np.square(mixture, dtype=np.float64).mean(axis=0), round(ATTACK_S * RATE)
    )
    loud = np.maximum(power, power.mean() * 1e-2)  # what is quieter is not raised further
    gain = (loud / loud.mean()) ** ((1 / RATIO - 1) / 2)
    for _ in range(2):
        gain *= db_to_amplitude(level_db - level((mixture * gain).astype(np.float32)))
        gain *= _limiter(np.abs([mixture, *stems.values()]).max(axis=(0, 1)) * gain)
    return {name: (stem * gain).astype(np.float32) for name, stem in stems.items()}


def _limiter(peaks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gain that keeps peaks (samples,) under the ceiling, smooth over the look-ahead."""
    size = round(LOOK_AHEAD_S * RATE)
    wanted = CEILING / np.maximum(maximum_filter1d(peaks, 2 * size + 1), CEILING)
    return uniform_filter1d(wanted, 2 * size + 1)
