"""Spleeter's two-stem model: for each source a U-Net, which looks at magnitudes.

Hennequin, Khlif, Voituret, Moussallam: "Spleeter: a fast and efficient music source separation tool
with pre-trained models", Journal of Open Source Software 5(50), 2020. The U-Net is that of Jansson
et al., ISMIR 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, leaky_relu, pad

from timbresep.source_model import SourceModel

SOURCES = ("vocals", "accompaniment")
SAMPLE_RATE, CHANNELS = 44_100, 2
N_FFT, HOP = 4096, 1024

BINS = 1024
"""The lower bins, up to 11 kHz: those that the U-Nets see."""

FRAMES = 512
"""Frames that the U-Nets see at once, 11.9 s."""

CONTEXT = 32 * HOP

WIDTHS = (16, 32, 64, 128, 256, 512)
"""Features after each convolution on the way down."""


class Normalisation(nn.Module):
    """Batch normalisation by the statistics of training.

    Args:
        features: how many.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(batch, features, frames, bins)``."""
        return batch_norm(x, self.mean, self.variance, self.weight, self.bias, eps=1e-3)


class UNet(nn.Module):
    """Estimates the magnitudes of one source.

    Convolutions halve time and frequency, transposed ones double them again; each of these also
    sees what the way down had at its size.

    Args:
        widths: features after each convolution on the way down.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        *skipped, deepest = widths
        self.down = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 5, stride=2)
            for inputs, outputs in zip((CHANNELS, *skipped), widths, strict=True)
        )
        self.normalise_down = nn.ModuleList(Normalisation(width) for width in skipped)
        up_inputs = (deepest, *(2 * width for width in reversed(skipped)))
        up_outputs = (*reversed(skipped), 1)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(inputs, outputs, 5, stride=2)
            for inputs, outputs in zip(up_inputs, up_outputs, strict=True)
        )
        self.normalise_up = nn.ModuleList(Normalisation(width) for width in up_outputs)
        self.decode = nn.Conv2d(1, CHANNELS, 4, dilation=2, padding=3)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Magnitudes ``(batch, channels, frames, bins)`` of a mixture to those of the source."""
        x, skips = magnitude, []
        for down, normalise in zip(self.down, [*self.normalise_down, None], strict=True):
            x = down(pad(x, (1, 2, 1, 2)))
            if normalise is not None:
                skips.append(x)
                x = leaky_relu(normalise(x), 0.2)
        for up, normalise in zip(self.up, self.normalise_up, strict=True):
            x = normalise(up(x)[..., 1:-2, 1:-2].relu())
            if skips:
                x = torch.cat([skips.pop(), x], dim=1)
        mask: Tensor = self.decode(x).sigmoid()
        return mask * magnitude


class Spleeter(SourceModel):
    """The U-Nets of both sources, between an STFT and its inverse.

    A source gets its share of each bin: the square of what its U-Net estimates there, divided by
    the sum of both squares. Above the bins that the U-Nets see it gets the mean of its shares
    below. So the sources sum to the mixture.

    Args:
        widths: features after each convolution on the way down; others than the default are for
            tests.
    """

    window: Tensor

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.sources, self.sample_rate, self.channels = SOURCES, SAMPLE_RATE, CHANNELS
        self.chunk, self.context = (FRAMES - 1) * HOP - 2 * CONTEXT, CONTEXT  # a window: one block
        self.networks = nn.ModuleDict({source: UNet(widths) for source in SOURCES})
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, mixture: Tensor) -> Tensor:
        """See `SourceModel.forward`."""
        samples = mixture.shape[-1]
        spectrum = torch.stft(
            mixture.flatten(0, 1),
            N_FFT,
            HOP,
            window=self.window,
            pad_mode="constant",
            return_complex=True,
        ).unflatten(0, mixture.shape[:2])  # (batch, channels, bins, frames)
        magnitude = spectrum[:, :, :BINS].abs().transpose(-1, -2)
        blocks = magnitude.split(FRAMES, dim=-2)
        shares = torch.cat([self._shares(block) for block in blocks], dim=-2).transpose(-1, -2)
        above = shares.mean(dim=-2, keepdim=True).expand(-1, -1, -1, N_FFT // 2 + 1 - BINS, -1)
        masked = torch.cat([shares, above], dim=-2) * spectrum.unsqueeze(1)
        audio = torch.istft(masked.flatten(0, 2), N_FFT, HOP, window=self.window, length=samples)
        sources: Tensor = audio.unflatten(0, masked.shape[:3])
        return sources

    def _shares(self, magnitude: Tensor) -> Tensor:
        """Shares ``(batch, sources, channels, frames, BINS)`` of a block of at most `FRAMES`."""
        frames = magnitude.shape[-2]
        block = pad(magnitude, (0, 0, 0, FRAMES - frames))
        power = torch.stack([network(block) for network in self.networks.values()], dim=1).square()
        shares = (power + 0.5e-10) / (power.sum(dim=1, keepdim=True) + 1e-10)
        return shares[..., :frames, :]
