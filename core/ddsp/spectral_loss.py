"""How different two sounds are: magnitudes of spectrograms at several resolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

FFT_SIZES = (2048, 1024, 512, 256, 128, 64)
FLOOR = 1e-5
"""Magnitudes below this are equally silent to the logarithm."""


def magnitudes(audio: Tensor, n_fft: int) -> Tensor:
    """Magnitude spectrogram with a Hann window and 75 % overlap; the end is padded with zeros.

    Args:
        audio: (batch, samples).
        n_fft: window and FFT length in samples, a multiple of 4.

    Returns:
        Magnitudes (batch, bins, ⌈samples / (n_fft / 4)⌉).
    """
    hop = n_fft // 4
    frames = -(-audio.shape[-1] // hop)
    padded = functional.pad(audio, (0, (frames - 1) * hop + n_fft - audio.shape[-1]))
    window = torch.hann_window(n_fft, device=audio.device, dtype=audio.dtype)
    spectrum = torch.stft(padded, n_fft, hop, window=window, center=False, return_complex=True)
    return spectrum.abs()  # (batch, bins, frames)


def multiscale_spectral_loss(
    target: Tensor, audio: Tensor, fft_sizes: Sequence[int] = FFT_SIZES
) -> Tensor:
    """Sum over FFT sizes of the mean L1 distances of magnitudes and of their logarithms.

    Engel et al. 2020, section 4.2.1, both terms with weight 1 as in ddsp's ``solo_instrument``.

    Args:
        target: (batch, samples).
        audio: (batch, samples); the gradient flows to both.
        fft_sizes: window lengths in samples.

    Returns:
        A scalar, zero if and only if all the spectrograms are equal (above the floor).
    """
    loss = torch.zeros((), device=audio.device, dtype=audio.dtype)
    for n_fft in fft_sizes:
        wanted, given = magnitudes(target, n_fft), magnitudes(audio, n_fft)
        loss = loss + (wanted - given).abs().mean()
        loss = loss + (wanted.clamp_min(FLOOR).log() - given.clamp_min(FLOOR).log()).abs().mean()
    return loss
