"""From STFT bins to an axis of pitch and back: a transposed tone is a shifted one there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LOWEST_HZ = 32.703  # C1
PER_SEMITONE = 4
SEMITONES = 112  # up to 20.5 kHz
BANDS = SEMITONES * PER_SEMITONE


class PitchAxis(nn.Module):
    """Bands a quarter of a semitone apart, from C1 to 20.5 kHz.

    Args:
        n_fft: STFT length in samples.
        sample_rate: Hz.
    """

    weight: Tensor
    below: Tensor
    share: Tensor

    def __init__(self, n_fft: int, sample_rate: int) -> None:
        super().__init__()
        step = 2 ** (1 / (12 * PER_SEMITONE))
        bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64)
        centre = LOWEST_HZ * step ** torch.arange(BANDS, dtype=torch.float64)
        centre = (centre * n_fft / sample_rate).clamp(max=n_fft / 2)  # in bins
        # A triangle as wide as the neighbours are far; between two bins where they lie closer.
        half = (centre * (step - 1)).clamp(min=1.0)
        weight = (1 - (bins - centre[:, None]).abs() / half[:, None]).clamp(min=0)
        weight = weight / weight.sum(1, keepdim=True)
        self.register_buffer("weight", weight.float(), persistent=False)
        place = (bins * sample_rate / n_fft).clamp(min=LOWEST_HZ) / LOWEST_HZ
        place = (12 * PER_SEMITONE * place.log2()).clamp(max=BANDS - 1)
        below = place.floor().long().clamp(max=BANDS - 2)
        self.register_buffer("below", below, persistent=False)
        self.register_buffer("share", (place - below).float()[:, None], persistent=False)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Magnitudes ``(..., bins, frames)`` averaged to bands ``(..., bands, frames)``."""
        return torch.matmul(self.weight, magnitude)

    def inverse(self, bands: Tensor) -> Tensor:
        """Values of bands ``(..., bands, frames)`` read off at bins ``(..., bins, frames)``."""
        low = bands.index_select(-2, self.below)
        return torch.lerp(low, bands.index_select(-2, self.below + 1), self.share)
