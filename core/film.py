"""FiLM: a condition scales and shifts features, ``γ(c) ⊙ x + β(c)``."""

from __future__ import annotations

from torch import Tensor, nn


class FiLM(nn.Module):
    """Feature-wise linear modulation.

    `(γ, β) = W·c + b` with `γ` counted from 1 and `W = b = 0` at initialisation, so that a new
    layer is the identity and yet every parameter has a gradient from the first step on. It acts
    on the feature axis, never on time.

    Source: Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018,
    eq. 2.

    Args:
        condition_dim: length of a condition vector.
        features: number of features modulated.

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

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Modulate `x` by each condition."""
        modulation: Tensor = self.generator(conditions)  # (batch, instruments, 2·features)
        ones = [1] * (x.dim() - 3)
        modulation = modulation.reshape(*modulation.shape[:2], *ones, -1)
        gamma, beta = modulation.chunk(2, dim=-1)  # (batch, instruments, 1, …, features)
        return (1 + gamma) * x + beta
