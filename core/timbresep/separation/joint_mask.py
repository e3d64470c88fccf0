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
NEW_CLAIM = 5.0
"""How many times a claim counts of an instrument that the network was not trained on: it claims too
little for such a one. Chosen on validation pieces with three oboes."""
EPS = 1e-9


def compete(mixture: Tensor, stems: Tensor, rivals: Tensor, same: Tensor) -> Tensor:
    """Let every stem have of each bin what it claims among its rivals.

    ``Ŷ_k = X · |Ŝ_k| / (|Ŝ_k| + Σ_{j≠k} w_j |R_j| + n |X|)``: a ratio mask, as `stft.share`,
    in which a rival counts by how likely it plays at all, ``w_j = σ((L_j − PRESENT_DB) /
    SLOPE_DB)``; ``L_j`` is the level in dB, relative to the mixture, of what it would get if all
    rivals shared it. An instrument that is none of the rivals shares the mixture with them in that,
    and its claim is `NEW_CLAIM` times as large. No stem depends on which others are asked for.

    Args:
        mixture: complex spectrum ``(batch, channels, bins, frames)``.
        stems: estimates of the instruments asked for, ``(batch, instruments, channels, bins,
            frames)``.
        rivals: estimates of all that compete, ``(batch, rivals, channels, bins, frames)``.
        same: which rival is which instrument itself, booleans ``(instruments, rivals)``.

    Returns:
        Complex spectra as `stems`.
    """
    magnitude, claims = mixture.abs(), rivals.abs()
    counted = claims * _presence(magnitude, claims, claims.sum(dim=1))
    everyone = counted.sum(dim=1)  # (batch, channels, bins, frames)
    shared = []
    for stem, itself in zip(stems.unbind(1), same, strict=True):
        own = stem.abs()
        if itself.any():
            others = everyone - counted[:, itself].sum(dim=1)
        else:
            own = NEW_CLAIM * own
            weight = _presence(magnitude, claims, claims.sum(dim=1) + own)
            others = (claims * weight).sum(dim=1)
        shared.append(own / (own + others + NOBODY * magnitude + EPS) * mixture)
    return torch.stack(shared, dim=1)


def _presence(magnitude: Tensor, claims: Tensor, total: Tensor) -> Tensor:
    """How likely each rival plays, ``(rivals, 1, 1, 1)``, by its share of `total`."""
    shares = claims / (total.unsqueeze(1) + EPS) * magnitude.unsqueeze(1)
    energy = shares.square().sum(dim=(0, 2, 3, 4))  # (rivals,)
    level = 10 * ((energy + EPS) / (magnitude.square().sum() + EPS)).log10()
    return torch.sigmoid((level - PRESENT_DB) / SLOPE_DB)[:, None, None, None]
