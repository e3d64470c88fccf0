"""Source model: the contract of a pretrained network that separates fixed sources.

It takes no condition: the sources that it was trained for are what it gives, all of them at once.
A separator can stand on one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from timbresep.errors import CheckpointError
from timbresep.formats.rebuild import load_strictly
from timbresep.formats.tensor_file import read_tensors

LEVEL_TOLERANCE_DB = -12.0
"""Error that another level of the mixture may make, relative to the sources' energy."""

CHUNK_TOLERANCE_DB = -12.0
"""Error that separating in chunks may make, relative to the sources' energy."""

LARGEST_HEADER = 1 << 24
"""Bytes of a safetensors file, at most, that are no weights."""


class SourceModel(nn.Module, ABC):
    """A network that separates fixed sources.

    `timbresep.testing.SourceModelConformance` tries whether a network keeps what is promised here.

    Attributes:
        sources: names of what it gives, in the order of its output.
        sample_rate: of the waveforms it works on, in Hz.
        channels: how many it takes: 1 or 2.
        chunk: samples that it works best on at once.
        context: samples that it needs on each side of a chunk.
    """

    sources: tuple[str, ...]
    sample_rate: int
    channels: int
    chunk: int
    context: int

    @abstractmethod
    def forward(self, mixture: Tensor) -> Tensor:
        """Separate.

        Any length is taken. Silence gives silence. A mixture that is half or twice as loud gives
        sources that are half or twice as loud, up to an error of `LEVEL_TOLERANCE_DB`. Chunks with
        their context give what the whole mixture gives, up to an error of `CHUNK_TOLERANCE_DB`.

        Args:
            mixture: ``(batch, channels, samples)``.

        Returns:
            ``(batch, sources, channels, samples)``.
        """


Model = TypeVar("Model", bound=nn.Module)


def load_weights(model: Model, path: Path) -> Model:
    """Load a file of weights, all of them and no others.

    Args:
        model: the network that the weights are of.
        path: a safetensors file.

    Returns:
        The network, in eval mode.

    Raises:
        CheckpointError: the file is missing, cut, or not safetensors; its weights are another
            network's, or not finite.
    """
    another = f"{path} holds another network's weights"
    values = sum(tensor.numel() for tensor in model.state_dict().values())
    if path.is_file() and path.stat().st_size > 8 * values + LARGEST_HEADER:
        raise CheckpointError(f"{another}: it is larger than the network")
    weights = read_tensors(path)
    load_strictly(model, weights, another)
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: weight '{name}' is not finite", "the file is damaged")
    return model.eval()
