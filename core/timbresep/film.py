"""FiLM: a condition scales and shifts features, ``γ(c) ⊙ x + β(c)``. And an encoder for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FiLM(nn.Module):
    """Feature-wise linear modulation.

    `(γ, β) = W·c + b` with `γ` counted from 1 and `W = b = 0` at initialisation, so that a new
    layer is the identity and yet every parameter has a gradient from the first step on. It acts
    on the feature axis, never on time.

    An instrument may have a modulation of its own on top (`reserve`): the values that follow the
    condition vector say how much of each is added. Where they are zero, so is what is added, to
    the last bit; that is how one instrument is adapted without touching the others.

    Source: Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018,
    eq. 2.

    Args:
        condition_dim: length of a condition vector.
        features: number of features modulated.

    Shape:
        - x: ``(batch, instruments or 1, ..., features)``, for example with frames between
        - conditions: ``(batch, instruments, condition_dim + reserved)``
        - output: ``(batch, instruments, ..., features)``
    """

    def __init__(self, condition_dim: int, features: int) -> None:
        super().__init__()
        self.generator = nn.Linear(condition_dim, 2 * features)
        nn.init.zeros_(self.generator.weight)
        nn.init.zeros_(self.generator.bias)
        self.own = nn.ParameterList()

    def reserve(self, count: int) -> None:
        """Have `count` modulations of single instruments; new ones are zero."""
        for _ in range(len(self.own), count):
            self.own.append(nn.Parameter(torch.zeros_like(self.generator.bias)))

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Modulate `x` by each condition."""
        dim = self.generator.in_features
        # One memory layout whatever follows the vector: others would round otherwise.
        vectors = conditions[..., :dim].contiguous()
        modulation: Tensor = self.generator(vectors)  # (batch, instruments, 2·features)
        for share, own in zip(conditions[..., dim:].unbind(-1), self.own, strict=True):
            modulation = modulation + share[..., None] * own
        ones = [1] * (x.dim() - 3)
        modulation = modulation.reshape(*modulation.shape[:2], *ones, -1)
        gamma, beta = modulation.chunk(2, dim=-1)  # (batch, instruments, 1, …, features)
        return (1 + gamma) * x + beta


class ConditionEncoder(nn.Module):
    """Makes of a condition a code that FiLM layers are linear in.

    FiLM alone is linear in the condition. A vector of which only one pitch register is known and
    the whole vector cannot both give the same γ and β then, nor can close timbres give very
    different ones. So values are standardised over the conditions seen, and two layers follow. The
    least standard deviation is 0.1: what no instrument of the training had must not drown the rest.

    Values beyond `condition_dim` address modulations of single instruments (`FiLM.reserve`) and
    pass through unchanged.

    Args:
        condition_dim: length of a condition vector.
        size: length of a code.

    Shape:
        - conditions: ``(batch, instruments, condition_dim + reserved)``
        - output: ``(batch, instruments, size + reserved)``
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
        # One memory layout whatever follows the vector, as in FiLM.
        vectors = conditions[..., : self.condition_dim].float().contiguous()
        flat = self.standardise(vectors.flatten(0, 1))  # (batch·instruments, condition_dim)
        codes = self.layers(flat).view(*vectors.shape[:2], -1)
        return torch.cat([codes.float(), conditions[..., self.condition_dim :].float()], dim=-1)
