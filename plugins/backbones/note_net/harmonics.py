"""From audio to an axis of pitch on which the harmonics of a tone lie on top of each other."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from timbresep.stft import STFT

LOWEST = 21  # A0
PITCHES = 88
PER_SEMITONE = 3
HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 8)
WINDOWS = (2048, 8192)  # samples: one sharp in time, one in pitch
CHANNELS = len(HARMONICS) * len(WINDOWS)
A4_HZ, A4 = 440.0, 69
FLOOR = 1e-3  # magnitudes below it count as silence
TYPICAL = (-1.4, 0.9)  # mean and deviation of log10 magnitudes in music


class HarmonicStack(nn.Module):
    """Log magnitudes at the harmonics of each pitch, by two transforms.

    Args:
        sample_rate: Hz.
        hop: samples from one frame to the next.

    Shape: ``(batch, samples)`` to ``(batch, harmonics · windows, 3 · pitches, frames)``.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.shifts = [round(12 * PER_SEMITONE * math.log2(h)) for h in HARMONICS]
        steps = PITCHES * PER_SEMITONE + max(self.shifts) - min(self.shifts)
        first = LOWEST + (min(self.shifts) - 1) / PER_SEMITONE
        numbers = first + torch.arange(steps, dtype=torch.float64) / PER_SEMITONE
        centres = A4_HZ * 2 ** ((numbers - A4) / 12)
        self.transforms = nn.ModuleList(STFT(size, hop) for size in WINDOWS)
        for size in WINDOWS:
            self.register_buffer(f"axis{size}", axis(centres, size, sample_rate), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Look at a waveform."""
        frames = -(-wave.shape[-1] // self.hop)
        rows = PITCHES * PER_SEMITONE
        stacked = []
        with torch.autocast(wave.device.type, enabled=False):
            for size, transform in zip(WINDOWS, self.transforms, strict=True):
                early = size // (2 * self.hop) - 1  # frames centred before the first sample
                magnitude = transform(wave.float()).abs()[..., early : early + frames]
                pitches = torch.matmul(self.get_buffer(f"axis{size}"), magnitude)
                levels = ((pitches + FLOOR).log10() - TYPICAL[0]) / TYPICAL[1]
                for shift in self.shifts:
                    start = shift - min(self.shifts)
                    stacked.append(levels[:, start : start + rows])
        return torch.stack(stacked, dim=1)


def axis(centres: Tensor, size: int, sample_rate: int) -> Tensor:
    """Weights (centres, bins) of bins around frequencies in Hz.

    A triangle as wide as the neighbours are far; between two bins where they lie closer. Beyond
    half the sample rate there is nothing.
    """
    bins = torch.arange(size // 2 + 1, dtype=torch.float64)
    place = centres[:, None] * size / sample_rate
    half = (place * (2 ** (1 / (12 * PER_SEMITONE)) - 1)).clamp(min=1.0)
    weight = (1 - (bins - place).abs() / half).clamp(min=0)
    # Noise has the same level by either window.
    weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-9)
    scaled: Tensor = weight.float() * (2 / size**0.5)
    return scaled
