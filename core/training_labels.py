"""Conditions that only say which instrument is meant: what harmonic ones are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.backbone import Backbone
from core.checkpoint import Conditioning
from core.errors import TrainingError

Vector = NDArray[np.float32]


class FixedConditions:
    """The same condition for an instrument every time.

    Args:
        vectors: (instruments, dim).
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.vectors = vectors

    def __call__(self, index: int, rng: np.random.Generator) -> Vector:
        """The condition ``(dim,)`` of instrument number `index`; `rng` is left alone."""
        del rng
        vector: Vector = self.vectors[index]
        return vector


class LearnedConditions(Backbone):
    """A network and the conditions it is trained with: the instruments' own, learned vectors.

    It is asked with one-hot vectors and gives the network the row that each stands for. The rows
    begin as draws from a standard normal distribution, as those of an embedding do.

    Args:
        network: takes conditions ``(…, condition_dim)``.
        count: number of instruments, at most `condition_dim`.

    Shape: as the network's.
    """

    def __init__(self, network: Backbone, count: int) -> None:
        super().__init__()
        self.network = network
        self.table = nn.Parameter(torch.randn(count, network.condition_dim))
        self.sample_rate, self.channels = network.sample_rate, network.channels
        self.chunk, self.context, self.causal = network.chunk, network.context, network.causal
        self.condition_dim = network.condition_dim

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """See `Backbone.forward`."""
        chosen = conditions[..., : len(self.table)]  # (batch, instruments, count)
        learned: Tensor = self.network(mixture, chosen @ self.table)
        return learned

    def vectors(self) -> NDArray[np.float32]:
        """What was learned, (count, condition_dim)."""
        learned: NDArray[np.float32] = self.table.detach().float().cpu().numpy()
        return learned


def labels(conditioning: Conditioning, names: Sequence[str], dim: int) -> dict[str, Vector]:
    """What a network is given for each instrument: unit vectors, or zeros for `none`.

    Args:
        conditioning: any but harmonic; the rows of learned conditions are chosen by unit vectors.
        names: of the instruments.
        dim: length of a vector, that of a harmonic condition, so that the network is the same.

    Raises:
        TrainingError: more instruments than values.
    """
    if len(names) > dim:
        raise TrainingError(f"{len(names)} instruments do not fit into {dim} values")
    share = 0.0 if conditioning == "none" else 1.0
    units = share * np.eye(len(names), dim, dtype=np.float32)
    return dict(zip(names, units.astype(np.float32), strict=True))
