"""STFT and its inverse, masks and their application."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


class STFT(nn.Module):
    """Short-time Fourier transform with a square-root Hann window on both sides.

    Analysis and synthesis windows multiply to a Hann window, whose shifts by a hop of at most a
    half window sum to a constant: the inverse is exact (Griffin & Lim 1984).

    Args:
        n_fft: window and transform length in samples.
        hop: samples between frames; at most ``n_fft // 2``.

    Raises:
        ValueError: a hop that does not divide the window or is longer than half of it.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        if n_fft % hop or 2 * hop > n_fft:
            raise ValueError(f"hop {hop} must divide n_fft {n_fft} and be at most half of it")
        self.n_fft, self.hop = n_fft, hop
        self.bins = n_fft // 2 + 1
        self.register_buffer("window", torch.hann_window(n_fft).sqrt(), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Waveform ``(..., samples)`` to complex spectrum ``(..., bins, frames)``."""
        samples = audio.shape[-1]
        # A whole number of hops: the last sample, too, lies between two frames.
        flat = pad(audio.reshape(-1, samples), (0, -samples % self.hop))
        spectrum = torch.stft(
            flat,
            self.n_fft,
            self.hop,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return spectrum.reshape(*audio.shape[:-1], *spectrum.shape[-2:])

    def inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        """Complex spectrum ``(..., bins, frames)`` to waveform ``(..., samples)``."""
        flat = spectrum.reshape(-1, *spectrum.shape[-2:])
        audio = torch.istft(
            flat, self.n_fft, self.hop, window=self.window, center=True, length=samples
        )
        return audio.reshape(*spectrum.shape[:-2], samples)


def apply_mask(mask: Tensor, spectrum: Tensor) -> Tensor:
    """Scale the mixture's spectrum by real masks; the mixture's phase is kept.

    Args:
        mask: ``(batch, instruments, channels, bins, frames)``.
        spectrum: complex, ``(batch, channels, bins, frames)``.
    """
    return mask * spectrum.unsqueeze(1)


def ratio_masks(stems: Tensor, eps: float = 1e-8) -> Tensor:
    """Oracle ratio masks ``|s_i| / Σ_j |s_j|`` of complex spectra ``(stems, ...)``; they sum to 1
    wherever there is sound."""
    magnitude = stems.abs()
    return magnitude / (magnitude.sum(dim=0, keepdim=True) + eps)
