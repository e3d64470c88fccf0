"""Backbone: the contract every separation network keeps.

`(mixture, conditions) → waveforms`, with instruments as an axis of their own, so that any number
of them share one pass over the mixture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from core.stft import STFT


class Backbone(nn.Module, ABC):
    """A conditioned separator network.

    Attributes:
        sample_rate: of the waveforms it works on, in Hz.
        channels: most channels it takes at once; fewer are welcome.
        condition_dim: length of a condition vector.
        causal: whether an output sample depends on no later input than `context`.
        chunk: samples it is best fed with at once.
        context: samples it wants on each side of what is kept of a chunk.
    """

    sample_rate: int
    channels: int
    condition_dim: int
    causal: bool
    chunk: int
    context: int

    @abstractmethod
    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """Separate.

        N instruments in one call equal N calls with one each, and whatever does not depend on
        the condition is computed once.

        Args:
            mixture: ``(batch, channels, samples)``.
            conditions: ``(batch, instruments, condition_dim)``.

        Returns:
            ``(batch, instruments, channels, samples)``.
        """


class MaskBackbone(Backbone):
    """A backbone that only decides how much of each time-frequency bin is the instrument's.

    Subclasses give `trunk` (once a mixture) and `masks` (once an instrument); this class does
    the transform, keeps the mixture's phase and goes back to the time domain.

    Args:
        n_fft: STFT window in samples.
        hop: STFT hop in samples.
    """

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.stft = STFT(n_fft, hop)

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """See `Backbone.forward`."""
        spectrum = self.stft(mixture)  # (batch, channels, bins, frames)
        features = self.trunk(spectrum.abs())
        mask = self.masks(features, conditions)  # (batch, instruments, channels, bins, frames)
        # One instrument at a time: what is in memory at once does not grow with their number.
        stems = [self.stft.inverse(one * spectrum, mixture.shape[-1]) for one in mask.unbind(1)]
        return torch.stack(stems, dim=1)

    @abstractmethod
    def trunk(self, magnitude: Tensor) -> Tensor:
        """What is common to all instruments: ``(batch, channels, bins, frames)`` magnitudes to
        features of the subclass's choice."""

    @abstractmethod
    def masks(self, features: Tensor, conditions: Tensor) -> Tensor:
        """Masks in [0, 1], ``(batch, instruments, channels, bins, frames)``."""
