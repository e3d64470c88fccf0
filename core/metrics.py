"""Separation metrics in dB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def si_sdr(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> float:
    """Scale-invariant SDR (Le Roux et al. 2019)."""
    s, e = reference.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    target = (s @ e) / (s @ s + 1e-12) * s
    return float(10 * np.log10((target @ target + 1e-12) / (((e - target) ** 2).sum() + 1e-12)))
