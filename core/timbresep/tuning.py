"""How far music is from A4 = 440 Hz, the tuning that a network was trained in."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WINDOW_S = 0.19
LOWEST_HZ, HIGHEST_HZ = 80.0, 1000.0  # mostly fundamentals; higher harmonics are not tempered
BELOW_DB = 40.0  # how far below its frame's loudest peak a peak still counts
CERTAIN = 0.4
"""Length of the mean direction from which a tuning is believed; 1: all peaks agree."""
LEAST_CENTS = 4.0
"""A smaller deviation is within the error of the measurement."""


def tuning_of(wave: Tensor, rate: int) -> float:
    """Cents by which music is above the nearest tuning of tempered semitones on 440 Hz.

    The frequencies of spectral peaks, interpolated between bins, have a direction each on the
    circle of a semitone; their mean, weighted by magnitude, is the tuning.

    Args:
        wave: ``(channels, samples)``.
        rate: Hz.

    Returns:
        −50 to 50; 0 where the peaks do not agree, or agree on next to nothing.
    """
    return tuning_of_blocks([wave], rate)


def semitones_above(window: NDArray[np.float32], rate: int) -> float:
    """How far a window (channels, samples) is above A4 = 440 Hz, −½ to ½; as `tuning_of`."""
    return tuning_of(torch.from_numpy(window), rate) / 100


def tuning_of_blocks(waves: Iterable[Tensor], rate: int, certain: float = CERTAIN) -> float:
    """As `tuning_of`, of blocks one after the other; each should be a second long or longer.

    Args:
        waves: ``(channels, samples)`` each.
        rate: Hz.
        certain: length of the mean direction from which a tuning is believed.
    """
    sums = [_peaks(wave, rate) for wave in waves]
    direction, weight = sum(found for found, _ in sums), sum(weight for _, weight in sums)
    agreement = abs(direction) / max(weight, 1e-9)
    cents = cmath.phase(direction) * 100 / (2 * math.pi)
    return cents if agreement >= certain and abs(cents) >= LEAST_CENTS else 0.0


def _peaks(wave: Tensor, rate: int) -> tuple[complex, float]:
    """The sum of the peaks' directions, each as long as its magnitude, and the sum of those."""
    n_fft = 1 << round(math.log2(WINDOW_S * rate))
    if wave.shape[-1] < n_fft:
        return 0j, 0.0
    window = torch.hann_window(n_fft, device=wave.device)
    spectrum = torch.stft(
        wave.mean(dim=0), n_fft, n_fft // 2, window=window, center=False, return_complex=True
    )
    magnitude = spectrum.abs() + 1e-9  # (bins, frames)
    low, high = (math.ceil(hz * n_fft / rate) for hz in (LOWEST_HZ, HIGHEST_HZ))
    before, here, after = (magnitude[low + step : high + step].log() for step in (-1, 0, 1))
    loudest = here.amax(dim=0, keepdim=True)
    peak = (here > before) & (here >= after) & (here > loudest - BELOW_DB * math.log(10) / 20)
    # The parabola through three logarithms: exact for a Gaussian window, close for Hann's.
    curve = (before - 2 * here + after).clamp(max=-1e-6)
    offset = (0.5 * (before - after) / curve).clamp(-0.5, 0.5)
    bins = torch.arange(low, high, device=wave.device)[:, None] + offset
    turn = 2 * math.pi * (12 * (bins * rate / n_fft / 440.0).log2())
    weight = here.exp() * peak
    direction = complex((weight * turn.cos()).sum(), (weight * turn.sin()).sum())
    return direction, float(weight.sum())
