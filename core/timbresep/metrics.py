"""Separation metrics in dB: SDR and SI-SDR, from sums that grow block by block.

Source: Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019. All channels of a signal
count as one long signal, with one scale; means are not removed. Every result is kept within
±100 dB: −100 dB is an estimate that has nothing of the reference, such as silence under SI-SDR.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LIMIT_DB = 100.0
Table = NDArray[np.float64]


def sdr(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> float:
    """Signal-to-distortion ratio ``10·log10(|s|² / |s − ŝ|²)`` of signals of equal shape.

    Silence as an estimate scores 0 dB.
    """
    return float(_moments(reference, estimate).sdr()[0, 0])


def si_sdr(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> float:
    """Scale-invariant SDR, ``10·log10(|αs|² / |αs − ŝ|²)`` with ``α = ŝ·s / |s|²``.

    The estimate's gain does not matter.
    """
    return float(_moments(reference, estimate).si_sdr()[0, 0])


def _moments(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> Moments:
    if reference.shape != estimate.shape:
        raise ValueError(f"shapes differ: {reference.shape} and {estimate.shape}")
    moments = Moments(1, 1)
    moments.add(reference[None], estimate[None])
    return moments


class Moments:
    """Energies and inner products of references and estimates, added up block by block.

    They are all that SDR and SI-SDR need, for each pair of a reference and an estimate, so that
    signals of any length are scored without keeping them.

    Args:
        references: how many.
        estimates: how many.
    """

    def __init__(self, references: int, estimates: int) -> None:
        self.reference = np.zeros(references)  # |s|²
        self.estimate = np.zeros(estimates)  # |ŝ|²
        self.cross = np.zeros((references, estimates))  # s·ŝ

    def add(self, references: NDArray[np.float32], estimates: NDArray[np.float32]) -> None:
        """Add a block: (references, ..., samples) and (estimates, ..., samples)."""
        size = math.prod(estimates.shape[1:])  # there may be no reference
        s = references.reshape(len(references), size).astype(np.float64)
        e = estimates.reshape(len(estimates), size).astype(np.float64)
        self.reference += np.square(s).sum(axis=1)
        self.estimate += np.square(e).sum(axis=1)
        self.cross += s @ e.T

    def sdr(self) -> Table:
        """SDR in dB of every pair, (references, estimates)."""
        signal = self.reference[:, None]
        return _decibels(signal, signal - 2 * self.cross + self.estimate)

    def si_sdr(self) -> Table:
        """SI-SDR in dB of every pair, (references, estimates)."""
        product = self.reference[:, None] * self.estimate
        shared = np.divide(self.cross**2, product, out=np.zeros_like(product), where=product > 0)
        return _decibels(shared, 1 - shared)  # |αs|² and |αs − ŝ|², as shares of |ŝ|²


def _decibels(signal: Table, noise: Table) -> Table:
    """``10·log10(signal / noise)`` within the limit; 0 / 0 counts as nothing of the signal."""
    floor = 10 ** (-LIMIT_DB / 10)
    signal, noise = np.broadcast_arrays(signal, noise)
    total = np.where(signal + np.abs(noise) > 0, np.maximum(signal, np.abs(noise)), 1.0)
    ratio = np.maximum(signal / total, floor) / np.maximum(noise / total, floor)
    both_nothing = (signal <= 0) & (noise <= 0)
    return np.clip(np.where(both_nothing, -LIMIT_DB, 10 * np.log10(ratio)), -LIMIT_DB, LIMIT_DB)


def f_measure(precision: float, recall: float) -> float:
    """Harmonic mean of precision and recall, 0 to 1; 0 where both are 0."""
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0
