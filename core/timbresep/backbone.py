"""Backbone: the contract every conditioned network keeps.

`(mixture, conditions) → waveforms`, with instruments as an axis of their own, so that any number
of them share one pass over the mixture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import Tensor, nn

from timbresep.losses import mask_loss, waveform_loss
from timbresep.stft import STFT

Answer = Literal["audio", "notes"]
"""What a backbone gives for each instrument."""


class Backbone(nn.Module, ABC):
    """A conditioned network: it separates, or transcribes (`timbresep.transcriber`).

    `timbresep.testing.BackboneConformance` tries whether a network keeps what is promised here.

    Attributes:
        answers: what it gives for each instrument: `audio` or `notes`.
        sample_rate: of the waveforms it works on, in Hz.
        channels: most channels it takes at once; fewer are allowed.
        condition_dim: length of a condition vector.
        causal: whether an output sample depends on no later input than `context`.
        chunk: samples that it works best on at once.
        context: samples that it needs on each side of the part of a chunk that is kept.
    """

    answers: Answer = "audio"

    sample_rate: int
    channels: int
    condition_dim: int
    causal: bool
    chunk: int
    context: int

    @abstractmethod
    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """Separate.

        N instruments in one call equal N calls with one each, and what does not depend on
        the condition is computed once.

        Args:
            mixture: ``(batch, channels, samples)``.
            conditions: ``(batch, instruments, condition_dim)``.

        Returns:
            ``(batch, instruments, channels, samples)``.
        """

    def loss(
        self,
        mixture: Tensor,
        conditions: Tensor,
        targets: Tensor,
        consistency_weight: float = 0.0,
    ) -> Tensor:
        """What training makes small: see `timbresep.losses.waveform_loss`.

        Args:
            mixture, conditions: as for `forward`.
            targets: ``(batch, instruments, channels, samples)``.
            consistency_weight: weight, 0 to 1, of the loss after mixture consistency: once the
                estimates have been made to sum to the mixture.

        Returns:
            dB, a scalar.
        """
        estimates = self(mixture, conditions).float()
        return waveform_loss(estimates, targets, mixture, consistency_weight)


class WrappedBackbone(Backbone):
    """A backbone around another one that takes other conditions.

    Args:
        network: the network inside, which separates.
        condition_dim: length of a condition vector of the whole.
    """

    def __init__(self, network: Backbone, condition_dim: int) -> None:
        super().__init__()
        self.network = network
        self.answers = network.answers
        self.condition_dim = condition_dim
        self.sample_rate, self.channels = network.sample_rate, network.channels
        self.chunk, self.context, self.causal = network.chunk, network.context, network.causal

    @abstractmethod
    def inner(self, conditions: Tensor) -> AbstractContextManager[Tensor]:
        """The conditions that the network inside takes, for the time of one call of it."""

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """See `Backbone.forward`."""
        with self.inner(conditions) as inner:
            stems: Tensor = self.network(mixture, inner)
        return stems

    def loss(
        self,
        mixture: Tensor,
        conditions: Tensor,
        targets: Tensor,
        consistency_weight: float = 0.0,
    ) -> Tensor:
        """The loss of the network inside."""
        with self.inner(conditions) as inner:
            return self.network.loss(mixture, inner, targets, consistency_weight)


def innermost(network: Backbone) -> Backbone:
    """The network that all wrappers are around."""
    while isinstance(network, WrappedBackbone):
        network = network.network
    return network


class MaskBackbone(Backbone):
    """A backbone that only decides how much of each time-frequency bin is the instrument's.

    Subclasses give `trunk` (once a mixture) and `masks` (once an instrument); this class does
    the transform, keeps the mixture's phase and goes back to the time domain.

    Args:
        n_fft: STFT window in samples.
        hop: STFT hop in samples.
        band: which band each bin belongs to, ``(bins,)``, non-decreasing from 0, where masks are
            those of bands; None: a bin each.
    """

    band: Tensor | None

    def __init__(self, n_fft: int, hop: int, band: Tensor | None = None) -> None:
        super().__init__()
        self.stft = STFT(n_fft, hop)
        self.register_buffer("band", band, persistent=False)

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """See `Backbone.forward`."""
        spectrum = self.stft(mixture)  # (batch, channels, bins, frames)
        features = self.trunk(spectrum.abs())
        mask = self.masks(features, conditions)  # (batch, instruments, channels, bands, frames)
        # One instrument at a time: what is in memory at once does not grow with their number.
        stems = []
        for one in mask.float().unbind(1):
            of_bins = one if self.band is None else one.index_select(-2, self.band)
            stems.append(self.stft.inverse(of_bins * spectrum, mixture.shape[-1]))
        return torch.stack(stems, dim=1)

    def loss(
        self,
        mixture: Tensor,
        conditions: Tensor,
        targets: Tensor,
        consistency_weight: float = 0.0,
    ) -> Tensor:
        """See `Backbone.loss`; that of masks needs no way back to the time domain."""
        mask = self.masks(self.trunk(self.stft(mixture).abs()), conditions).float()
        return mask_loss(
            mask,
            targets,
            mixture,
            stft=self.stft,
            band=self.band,
            consistency_weight=consistency_weight,
        )

    @abstractmethod
    def trunk(self, magnitude: Tensor) -> Tensor:
        """What is common to all instruments: ``(batch, channels, bins, frames)`` magnitudes to
        features of the subclass's choice."""

    @abstractmethod
    def masks(self, features: Tensor, conditions: Tensor) -> Tensor:
        """Masks in [0, 1], ``(batch, instruments, channels, bands, frames)``."""
