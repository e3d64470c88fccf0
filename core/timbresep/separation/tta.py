"""Test-time augmentation: several passes over a mixture, each at another pitch.

A network makes other mistakes in a transposed mixture, because nothing in it is built to treat all
pitches alike. So the mean of several passes is better than each.
"""

from __future__ import annotations

from timbresep import audio
from timbresep.audio.writer import Wave
from timbresep.units import pitch_ratio

SEMITONES = (0, 1, -1, 2, -2)
"""By how much each pass transposes, in the order in which passes are added."""


def transpose(wave: Wave, rate: int, semitones: float) -> Wave:
    """Play a waveform faster or slower: ``(channels, n)`` to ``(channels, n / 2^(semitones/12))``.

    Args:
        wave: (channels, samples).
        rate: Hz.
        semitones: up where positive.
    """
    return audio.resample(wave, _played(rate, semitones), rate)


def transpose_back(wave: Wave, rate: int, semitones: float, samples: int) -> Wave:
    """Undo `transpose`: (channels, `samples`) of the original length."""
    return audio.resample(wave, rate, _played(rate, semitones))[:, :samples]


def _played(rate: int, semitones: float) -> int:
    """The rate at which samples taken at `rate` sound `semitones` higher."""
    return round(rate * pitch_ratio(semitones))
