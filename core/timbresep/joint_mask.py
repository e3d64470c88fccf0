"""How stems share a mixture: one formula for each way.

A network estimates each stem by itself, so where it is not sure two stems have the same sound, or
none has it. All estimates together tell more: a bin that one instrument claims firmly is hardly
another's.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PRESENT_DB = -15.0
"""Level of its share, relative to the mixture, at which an instrument counts as half present.
This and the constants below were chosen on validation tracks of the separator that ships."""
SLOPE_DB = 2.5
UNCLAIMED = 0.1
"""Share of the mixture's magnitude that is left to sounds of no known instrument."""
NEW_CLAIM = 5.0
"""Factor of the claim of an instrument that the network was not trained on: the network estimates
such an instrument too softly. Chosen on validation pieces with three new instruments."""
EPS = 1e-9
FLOOR = 1e-6
"""The magnitude ε that every estimate claims of a bin under mixture consistency."""


def ratio_masks(stems: Tensor) -> Tensor:
    """Oracle ratio masks ``|s_i| / Σ_j |s_j|``; they sum to 1 wherever there is sound.

    Args:
        stems: complex spectra of the true stems ``(stems, ...)``.
    """
    magnitude = stems.abs()
    return magnitude / (magnitude.sum(dim=0, keepdim=True) + 1e-8)


def consistent_spectra(mixture: Tensor, stems: Tensor) -> Tensor:
    """Mixture consistency of spectra: each estimate gets its ratio of every bin.

    ``Ŷ_i = X · (|Ŝ_i| + ε) / Σ_j (|Ŝ_j| + ε)``, a Wiener-like filter from magnitudes. It is meant
    for estimates of everything that sounds: where none claims a bin, they split it.

    Source: Liutkus and Badeau, "Generalized Wiener Filtering with Fractional Power Spectrograms",
    ICASSP 2015, with exponent 1.

    Args:
        mixture: complex spectrum ``(batch, channels, bins, frames)``.
        stems: its estimates ``(batch, instruments, channels, bins, frames)``.

    Returns:
        Complex spectra ``(batch, instruments, channels, bins, frames)`` that sum to the mixture.
    """
    claims = stems.abs() + FLOOR
    return claims / claims.sum(dim=1, keepdim=True) * mixture.unsqueeze(1)


def consistent_waveforms(
    mixture: NDArray[np.float32], stems: NDArray[np.float32], shares: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Mixture consistency of waveforms: what the stems leave of the mixture is spread over them.

    Source: Wisdom et al., "Differentiable Consistency Constraints for Improved Deep Speech
    Enhancement", ICASSP 2019, eq. 6, with weights that may change over time.

    Args:
        mixture: ``(channels, samples)``.
        stems: ``(instruments, channels, samples)``.
        shares: of what is left, ``(instruments, samples)``; they sum to 1.

    Returns:
        Stems that sum to the mixture.
    """
    missing = mixture - stems.sum(axis=0, dtype=np.float64)  # (channels, samples)
    with np.errstate(over="ignore"):  # the caller reports it
        made: NDArray[np.float32] = (stems + shares[:, None] * missing).astype(np.float32)
    return made


def joint_mask(
    mixture: Tensor,
    stems: Tensor,
    known: Tensor,
    same: Tensor,
    *,
    claiming: Tensor | None = None,
    unclaimed: float = UNCLAIMED,
) -> Tensor:
    """Joint masking: every stem has of each bin what it claims among all known instruments.

    ``Ŷ_k = X · |Ŝ_k| / (|Ŝ_k| + Σ_{j≠k} w_j |R_j| + n |X|)``: a ratio mask in which a known
    instrument counts by how likely it plays at all, ``w_j = σ((L_j − PRESENT_DB) / SLOPE_DB)``;
    ``L_j`` is the level in dB, relative to the mixture, of its part if all known instruments shared
    the mixture. An instrument that is not known shares the mixture with them too, and its claim is
    `NEW_CLAIM` times as large. No stem depends on which others are asked for.

    Args:
        mixture: complex spectrum ``(batch, channels, bins, frames)``.
        stems: estimates of the instruments asked for, ``(batch, instruments, channels, bins,
            frames)``.
        known: estimates of all instruments of the training, ``(batch, known, channels, bins,
            frames)``.
        same: whether a known instrument is the one asked for, booleans ``(instruments, known)``.
        claiming: a factor of each ``w_j``, ``(known,)``: what else is known of who plays; ones
            unless given.
        unclaimed: n, share of the mixture that is left to sounds of no known instrument.

    Returns:
        Complex spectra as `stems`.
    """
    magnitude, claims = mixture.abs(), known.abs()
    if claiming is not None:
        claims = claims * claiming[:, None, None, None]
    counted = claims * presence(magnitude, claims, claims.sum(dim=1))
    everyone = counted.sum(dim=1)  # (batch, channels, bins, frames)
    masked = []
    for stem, itself in zip(stems.unbind(1), same, strict=True):
        own = stem.abs()
        if itself.any():
            others = everyone - counted[:, itself].sum(dim=1)
        else:
            own = NEW_CLAIM * own
            weight = presence(magnitude, claims, claims.sum(dim=1) + own)
            others = (claims * weight).sum(dim=1)
        masked.append(own / (own + others + unclaimed * magnitude + EPS) * mixture)
    return torch.stack(masked, dim=1)


def presence(magnitude: Tensor, claims: Tensor, total: Tensor) -> Tensor:
    """How likely each known instrument plays, ``(known, 1, 1, 1)``, by its share of `total`.

    Args:
        magnitude: of the mixture ``(batch, channels, bins, frames)``.
        claims: of the known instruments ``(batch, known, channels, bins, frames)``.
        total: of all that claim, as `magnitude`.
    """
    shares = claims / (total.unsqueeze(1) + EPS) * magnitude.unsqueeze(1)
    energy = shares.square().sum(dim=(0, 2, 3, 4))  # (known,)
    level = 10 * ((energy + EPS) / (magnitude.square().sum() + EPS)).log10()
    return torch.sigmoid((level - PRESENT_DB) / SLOPE_DB)[:, None, None, None]
