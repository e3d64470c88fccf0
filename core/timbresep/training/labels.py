"""Labels in place of harmonic conditions, to compare with: one-hot vectors, or learned ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from timbresep.backbone import Backbone, WrappedBackbone
from timbresep.checkpoint import Conditioning
from timbresep.errors import TrainingError

Vector = NDArray[np.float32]


class FixedConditions:
    """The same condition for an instrument every time.

    Args:
        vectors: (instruments, dim).
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.vectors = vectors

    def __call__(self, index: int, rng: np.random.Generator) -> Vector:
        """The condition ``(dim,)`` of instrument number `index`; `rng` is not used."""
        del rng
        vector: Vector = self.vectors[index]
        return vector


class LearnedConditions(WrappedBackbone):
    """A network and the conditions it is trained with: the instruments' own, learned vectors.

    It is asked with one-hot vectors and gives the network the row that each stands for. The rows
    begin as draws from a normal distribution.

    Args:
        network: takes conditions ``(…, condition_dim)``.
        count: number of instruments, at most `condition_dim`.
        size: expected Euclidean length of a row at first.

    Shape: as the network's.
    """

    def __init__(self, network: Backbone, count: int, size: float) -> None:
        dim = network.condition_dim
        super().__init__(network, dim)
        self.table = nn.Parameter(torch.randn(count, dim) * size / math.sqrt(dim))

    @contextmanager
    def inner(self, conditions: Tensor) -> Iterator[Tensor]:
        """Rows of the table, ``(batch, instruments, condition_dim)``."""
        yield conditions[..., : len(self.table)] @ self.table

    def vectors(self) -> NDArray[np.float32]:
        """What was learned, (count, condition_dim)."""
        learned: NDArray[np.float32] = self.table.detach().float().cpu().numpy()
        return learned


def labels(conditioning: Conditioning, harmonic: Mapping[str, Vector]) -> dict[str, Vector]:
    """What a network is given for each instrument in place of its harmonic condition.

    One-hot vectors have the length and the mean Euclidean norm of harmonic ones, so that the
    network is the same and learns as fast. One random rotation turns all of them, so that every
    value differs between instruments, as in harmonic vectors: an encoder standardises values one by
    one, and would hardly see a single one among zeros. Learned rows are chosen by unit vectors.

    Args:
        conditioning: any but harmonic.
        harmonic: the conditions (dim,) whose place they take.

    Raises:
        TrainingError: more instruments than values.
    """
    count, dim = len(harmonic), len(next(iter(harmonic.values())))
    if count > dim:
        raise TrainingError(f"{count} instruments do not fit into {dim} values")
    rows = np.eye(count, dim, dtype=np.float32)
    if conditioning == "onehot":
        turned, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, count)))
        rows = (mean_size(harmonic) * turned.T).astype(np.float32)  # (count, dim), orthogonal
    if conditioning == "none":
        rows = np.zeros_like(rows)
    return dict(zip(harmonic, rows, strict=True))


def mean_size(vectors: Mapping[str, Vector]) -> float:
    """Mean Euclidean length."""
    return float(np.mean([np.linalg.norm(vector) for vector in vectors.values()]))
