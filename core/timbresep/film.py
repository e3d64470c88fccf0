"""FiLM: a condition scales and shifts features, ``γ(c) ⊙ x + β(c)``. And an encoder for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FiLM(nn.Module):
    """Feature-wise linear modulation.

    `(γ, β) = W·c + b` with `γ` counted from 1 and `W = b = 0` at initialisation, so that a new
    layer is the identity and yet every parameter has a gradient from the first step on. It acts
    on the feature axis, never on time.

    An instrument may have a modulation of its own in addition (`reserve`). The caller of the
    network sets in `shares` how much of each is added; without shares, none is. A share of zero
    adds exactly zero: so `timbresep.adaptation` adapts one instrument and changes no other.

    Source: Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018,
    eq. 2.

    Args:
        condition_dim: length of a condition vector.
        features: number of features modulated.

    Attributes:
        own: the modulations of single instruments.
        shares: how much of each is added, ``(batch, instruments, len(own))``.

    Shape:
        - x: ``(batch, instruments or 1, ..., features)``, for example with frames between
        - conditions: ``(batch, instruments, condition_dim)``
        - output: ``(batch, instruments, ..., features)``
    """

    def __init__(self, condition_dim: int, features: int) -> None:
        super().__init__()
        self.generator = nn.Linear(condition_dim, 2 * features)
        nn.init.zeros_(self.generator.weight)
        nn.init.zeros_(self.generator.bias)
        self.own = nn.ParameterList()
        self.shares: Tensor | None = None

    def reserve(self, count: int) -> None:
        """Have `count` modulations of single instruments; new ones are zero."""
        for _ in range(len(self.own), count):
            self.own.append(nn.Parameter(torch.zeros_like(self.generator.bias)))

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Modulate `x` by each condition."""
        modulation: Tensor = self.generator(conditions)  # (batch, instruments, 2·features)
        if self.shares is not None:
            shares = self.shares.reshape(*modulation.shape[:2], -1)
            for share, own in zip(shares.unbind(-1), self.own, strict=True):
                modulation = modulation + share[..., None] * own
        ones = [1] * (x.dim() - 3)
        modulation = modulation.reshape(*modulation.shape[:2], *ones, -1)
        gamma, beta = modulation.chunk(2, dim=-1)  # (batch, instruments, 1, …, features)
        return (1 + gamma) * x + beta


class ConditionEncoder(nn.Module):
    """Encode a condition for FiLM layers.

    FiLM by itself is linear in the condition. Then a vector with one known pitch register cannot
    give the same γ and β as the whole vector, and similar timbres cannot give very different ones.
    So values are standardised over the conditions of the training, and two layers follow. The least
    standard deviation is 0.1, so that values that were constant in training do not dominate.

    Args:
        condition_dim: length of a condition vector.
        size: length of a code.

    Shape:
        - conditions: ``(batch, instruments, condition_dim)``
        - output: ``(batch, instruments, size)``
    """

    def __init__(self, condition_dim: int, size: int) -> None:
        super().__init__()
        self.condition_dim = condition_dim
        self.standardise = nn.BatchNorm1d(condition_dim, eps=0.01, momentum=0.05, affine=False)
        self.layers = nn.Sequential(
            nn.Linear(condition_dim, 2 * size), nn.GELU(), nn.Linear(2 * size, size), nn.GELU()
        )

    def forward(self, conditions: Tensor) -> Tensor:
        """Encode each condition."""
        flat = self.standardise(conditions.float().flatten(0, 1))  # (batch·instruments, …)
        codes: Tensor = self.layers(flat).unflatten(0, conditions.shape[:2])
        return codes.float()
