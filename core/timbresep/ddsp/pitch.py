"""Fundamental frequency by swift-f0, a small tracker whose weights come in its wheel.

It tracks 46.9 to 2093.8 Hz. For lower instruments, the audio is played an octave up (every second
sample, after a low-pass filter) and the result halved; for higher ones, an octave down. Where two
such runs differ, the one with the higher confidence counts, each in its own register.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from timbresep.errors import AudioError, MissingToolError
from timbresep.units import pitch_ratio

if TYPE_CHECKING:
    from swift_f0 import SwiftF0

RATE = 16_000
LOWEST = 46.875
HIGHEST = 2093.75
LOW_REGISTER = 60.0
"""Ranges that reach below this (Hz) are tracked an octave up: near its edge the tracker errs."""
HIGH_REGISTER = 1500.0
"""Pitches above this (Hz) may come from tracking an octave down."""
MARGIN = pitch_ratio(0.75)
"""How far beyond the range (a ratio) is looked, for vibrato and tuning."""

Array = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@functools.lru_cache(maxsize=1)
def _tracker() -> SwiftF0:
    """The tracker, loaded once a process."""
    try:
        from swift_f0 import SwiftF0
    except ImportError as error:
        raise MissingToolError(
            "pitch tracking needs the package swift-f0", "pip install swift-f0"
        ) from error
    return SwiftF0(threads=1, spin=False)


def track(audio: Array, f0_range: tuple[float, float], times: Doubles) -> tuple[Array, Array]:
    """Fundamental and confidence of 16 kHz audio at given times.

    Args:
        audio: (samples,) at 16 kHz.
        f0_range: lowest and highest fundamental to look for, Hz.
        times: seconds (frames,), ascending.

    Returns:
        Fundamental in Hz and confidence (0 to 1), each (frames,).

    Raises:
        AudioError: a range of which no part can be tracked (23.4 to 4187 Hz).
        MissingToolError: swift-f0 is not installed.
    """
    import soxr

    low, high = f0_range[0] / MARGIN, f0_range[1] * MARGIN
    deep = None
    if low < LOW_REGISTER:
        halved = soxr.resample(audio, 2, 1, quality="HQ").astype(np.float32)
        deep = _run(halved, low, high, 2, times)
        if high <= HIGHEST / 2:
            return deep
    result = _run(audio, low, high, 1, times)
    if deep is not None:
        result = _prefer(deep, result, deep[0] < 2 * LOW_REGISTER)
    if high > HIGHEST:
        doubled = soxr.resample(audio, 1, 2, quality="HQ").astype(np.float32)
        shrill = _run(doubled, low, high, 0.5, times)
        result = _prefer(shrill, result, shrill[0] > HIGH_REGISTER)
    return result


def _prefer(
    other: tuple[Array, Array], usual: tuple[Array, Array], where: npt.NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Pitch and confidence: those of ``other`` in frames ``where`` it is the surer one."""
    surer = where & (other[1] > usual[1])
    return np.where(surer, other[0], usual[0]), np.where(surer, other[1], usual[1])


def _run(
    audio: Array, low: float, high: float, octave: float, times: Doubles
) -> tuple[Array, Array]:
    """Track audio that was sped up ``octave`` times; fit the result to ``times``.

    Pitch is interpolated within a note (in octaves), and taken from the nearer frame across a jump.
    """
    bottom, top = max(low * octave, LOWEST), min(high * octave, HIGHEST)
    if top < bottom * MARGIN:
        raise AudioError(
            f"no pitch can be tracked from {low:.1f} to {high:.1f} Hz",
            "give an f0_range [lowest, highest] within 23.4 to 4187 Hz",
        )
    result = _tracker().detect(audio, RATE, fmin=bottom, fmax=top)
    stamps = result.timestamps * octave
    octaves = np.log2(np.maximum(result.pitch_hz, 1.0) / octave)
    line = np.interp(times, stamps, octaves)
    step = stamps[1] - stamps[0] if len(stamps) > 1 else 1.0
    nearest = octaves[np.clip(np.rint(times / step).astype(int), 0, len(octaves) - 1)]
    octaves = np.where(np.abs(line - nearest) < 0.5 / 12, line, nearest)
    confidence = np.interp(times, stamps, result.confidence)
    return np.exp2(octaves).astype(np.float32), confidence.astype(np.float32)
