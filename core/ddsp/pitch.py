"""Fundamental frequency by swift-f0, a small tracker whose weights come in its wheel.

It hears 46.9 to 2093.8 Hz. For instruments that go lower, the audio is played an octave up (every
second sample, after a low-pass filter) and the answer halved.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.errors import MissingToolError

if TYPE_CHECKING:
    from swift_f0 import SwiftF0

RATE = 16_000
LOWEST = 46.875
HIGHEST = 2093.75
LOW_REGISTER = 60.0
"""Ranges that reach below this (Hz) are tracked an octave up: near its edge the tracker errs."""

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
        MissingToolError: swift-f0 is not installed.
    """
    low, high = f0_range
    direct = _run(audio, max(low, LOWEST), min(high, HIGHEST), 1, times) if high > LOWEST else None
    if low >= LOW_REGISTER and direct is not None:
        return direct
    import soxr

    halved = soxr.resample(audio, 2, 1, quality="HQ").astype(np.float32)
    octave_up = _run(halved, max(2 * low, LOWEST), min(2 * high, HIGHEST), 2, times)
    if direct is None or 2 * high <= HIGHEST:
        return octave_up
    deeper = (octave_up[0] < 2 * LOW_REGISTER) & (octave_up[1] > direct[1])
    return np.where(deeper, octave_up[0], direct[0]), np.where(deeper, octave_up[1], direct[1])


def _run(
    audio: Array, low: float, high: float, slowdown: int, times: Doubles
) -> tuple[Array, Array]:
    """Track audio that lasts ``slowdown`` times as long as it is told; fit the result to ``times``.

    Pitch is interpolated within a note (in octaves), and taken from the nearer frame across a jump.
    """
    result = _tracker().detect(audio, RATE, fmin=low, fmax=high)
    stamps = result.timestamps * slowdown
    octaves = np.log2(np.maximum(result.pitch_hz, 1.0) / slowdown)
    line = np.interp(times, stamps, octaves)
    step = stamps[1] - stamps[0] if len(stamps) > 1 else 1.0
    nearest = octaves[np.clip(np.rint(times / step).astype(int), 0, len(octaves) - 1)]
    octaves = np.where(np.abs(line - nearest) < 0.5 / 12, line, nearest)
    confidence = np.interp(times, stamps, result.confidence)
    return np.exp2(octaves).astype(np.float32), confidence.astype(np.float32)
