"""Play a waveform faster, and so higher, or slower."""

from __future__ import annotations

from timbresep.audio.files import resample
from timbresep.audio.writer import Wave
from timbresep.units import pitch_ratio


def transpose(wave: Wave, rate: int, semitones: float) -> Wave:
    """Play a waveform faster or slower: ``(channels, n)`` to ``(channels, n / 2^(semitones/12))``.

    Args:
        wave: (channels, samples).
        rate: Hz.
        semitones: up where positive.
    """
    return resample(wave, _played(rate, semitones), rate)


def transpose_back(wave: Wave, rate: int, semitones: float, samples: int) -> Wave:
    """Undo `transpose`: (channels, `samples`) of the original length."""
    return resample(wave, rate, _played(rate, semitones))[:, :samples]


def _played(rate: int, semitones: float) -> int:
    """The rate at which samples taken at `rate` sound `semitones` higher."""
    return round(rate * pitch_ratio(semitones))
