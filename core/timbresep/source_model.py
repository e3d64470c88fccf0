"""Source model: the contract of a pretrained network that separates fixed sources.

It takes no condition: the sources that it was trained for are what it gives, all of them at once.
A separator can stand on one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class SourceModel(nn.Module, ABC):
    """A network that separates fixed sources.

    `timbresep.testing.SourceModelConformance` tries whether a network keeps what is promised here.

    Attributes:
        sources: names of what it gives, in the order of its output.
        sample_rate: of the waveforms it works on, in Hz.
        channels: how many it takes: 1 or 2.
        chunk: samples that it works best on at once.
        context: samples that it needs on each side of the part of a chunk that is kept.
    """

    sources: tuple[str, ...]
    sample_rate: int
    channels: int
    chunk: int
    context: int

    @abstractmethod
    def forward(self, mixture: Tensor) -> Tensor:
        """Separate.

        Any length is taken. Silence gives silence, and a louder mixture gives louder sources and
        changes nothing else within the levels of recorded music.

        Args:
            mixture: ``(batch, channels, samples)``.

        Returns:
            ``(batch, sources, channels, samples)``.
        """
