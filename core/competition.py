"""Instruments that a separator knows claim their sound before another's stem can take it.

Each stem is estimated by itself, so a network that is not sure lets two stems have the same sound,
or none. Asked for all the instruments that it knows, it can tell more: what a clarinet claims
firmly is hardly the saxophone's.

The constants were chosen on the validation tracks of the separator that ships.
"""

from __future__ import annotations

import torch
from torch import Tensor

PRESENT_DB = -15.0
"""Level of its share, relative to the mixture, at which an instrument counts as half present."""
SLOPE_DB = 2.5
NOBODY = 0.1
"""What is left to sounds that are no instrument's, as a share of the mixture's magnitude."""
EPS = 1e-9


def compete(mixture: Tensor, stems: Tensor, rivals: Tensor, same: Tensor) -> Tensor:
    """Let every stem have of each bin what it claims among its rivals.

    ``Ŷ_k = X · |Ŝ_k| / (|Ŝ_k| + Σ_{j≠k} w_j |R_j| + n |X|)``: a ratio mask, as `core.stft.share`,
    in which a rival counts by how likely it plays at all, ``w_j = σ((L_j − PRESENT_DB) /
    SLOPE_DB)``; ``L_j`` is the level in dB, relative to the mixture, of what it would get if all
    rivals shared it. No stem depends on which others are asked for.

    Args:
        mixture: complex spectrum ``(batch, channels, bins, frames)``.
        stems: estimates of the instruments asked for, ``(batch, instruments, channels, bins,
            frames)``.
        rivals: estimates of all that compete, ``(batch, rivals, channels, bins, frames)``.
        same: which rival is which instrument itself, booleans ``(instruments, rivals)``.

    Returns:
        Complex spectra as `stems`.
    """
    magnitude = mixture.abs()
    claims = rivals.abs()
    shares = claims / (claims.sum(dim=1, keepdim=True) + EPS) * magnitude.unsqueeze(1)
    energy = shares.square().sum(dim=(0, 2, 3, 4))  # (rivals,)
    level = 10 * ((energy + EPS) / (magnitude.square().sum() + EPS)).log10()
    weight = torch.sigmoid((level - PRESENT_DB) / SLOPE_DB)
    counted = claims * weight[:, None, None, None]
    others = counted.sum(dim=1) + NOBODY * magnitude  # (batch, channels, bins, frames)
    shared = []
    for stem, itself in zip(stems.unbind(1), same, strict=True):
        own = stem.abs()
        rest = others - counted[:, itself].sum(dim=1)
        shared.append(own / (own + rest + EPS) * mixture)
    return torch.stack(shared, dim=1)
