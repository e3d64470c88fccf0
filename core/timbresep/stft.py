"""STFT and its exact inverse."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

LONGEST = 1 << 16  # samples: 1.5 s at 44.1 kHz


class STFT(nn.Module):
    """Short-time Fourier transform with a square-root Hann window on both sides.

    Analysis and synthesis windows multiply to a Hann window, whose shifts by a hop of at most a
    half window sum to a constant: the inverse is exact (Griffin & Lim 1984).

    Args:
        n_fft: window and transform length in samples, at most `LONGEST`.
        hop: samples between frames; at most ``n_fft // 2``, and not below ``n_fft // 64``.

    Raises:
        ValueError: a window or hop that cannot be, or would take memory without use.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        if not 2 <= n_fft <= LONGEST or hop < 1:
            raise ValueError(f"n_fft {n_fft} must be from 2 to {LONGEST}, and hop {hop} from 1")
        if n_fft % hop or 2 * hop > n_fft or n_fft > 64 * hop:
            raise ValueError(f"hop {hop} must divide n_fft {n_fft} and be a 64th to half of it")
        self.n_fft, self.hop = n_fft, hop
        self.bins = n_fft // 2 + 1
        self.register_buffer("window", torch.hann_window(n_fft).sqrt(), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Waveform ``(..., samples)`` to complex spectrum ``(..., bins, frames)``."""
        samples = audio.shape[-1]
        # Every sample lies in as many frames as windows overlap, the first and last ones too.
        margin = self.n_fft - self.hop
        flat = pad(audio.reshape(-1, samples), (margin, margin + -samples % self.hop))
        spectrum = torch.stft(
            flat, self.n_fft, self.hop, window=self.window, center=False, return_complex=True
        )
        return spectrum.reshape(*audio.shape[:-1], *spectrum.shape[-2:])

    def inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        """Complex spectrum ``(..., bins, frames)`` to waveform ``(..., samples)``.

        Overlapping frames are added as blocks of a hop; the windows' overlap sums to a constant,
        so that no division by an envelope is needed.
        """
        flat = spectrum.reshape(-1, *spectrum.shape[-2:]).transpose(1, 2)
        frames = torch.fft.irfft(flat, self.n_fft)  # (signals, frames, n_fft)
        frames = frames * (self.window * (2 * self.hop / self.n_fft))
        count, overlap = frames.shape[1], self.n_fft // self.hop
        blocks = frames.unflatten(2, (overlap, self.hop))
        audio = frames.new_zeros(len(frames), count + overlap - 1, self.hop)
        for k in range(overlap):
            audio[:, k : k + count] += blocks[:, :, k]
        start = self.n_fft - self.hop
        trimmed: Tensor = audio.flatten(1)[:, start : start + samples]
        return trimmed.reshape(*spectrum.shape[:-2], samples)
