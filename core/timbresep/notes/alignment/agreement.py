"""Whether a score is that of a recording: do its notes fit better than they would in another key?

A wrong score can be warped until it fits somehow, above all one in the same style. But where notes
are those that are played, hardly any transposition of them fits as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from timbresep.notes.alignment.features import Array, sounding_part
from timbresep.notes.alignment.semitones import FRAMES_PER_S
from timbresep.notes.alignment.warping import Path

KEYS = tuple(step for step in range(-6, 7) if step != 0)  # semitones
AT_A_TIME = 4096  # pairs of frames
AROUND_S = 4.0  # seconds whose mean is a confidence
BY_CHANCE, SURE = 0.5, 0.95  # shares of a wrong score, and of a right one
QUIET = 0.1  # length below which nothing sounds


def agreeing(score: Array, recording: Array, path: Path) -> NDArray[np.float32]:
    """For each pair of a path 1 where the score's key fits best, and 0 where another does.

    Args:
        score, recording: vectors of frames.
        path: which of them belong together.

    Returns:
        ``(pairs,)``, NaN where the score is silent.
    """
    parts = []
    for start in range(0, len(path.rows), AT_A_TIME):
        some = slice(start, start + AT_A_TIME)
        written = sounding_part(score)[path.rows[some]]
        heard = sounding_part(recording)[path.columns[some]]
        own = _fit(written, heard, 0)
        best = np.max([_fit(written, heard, key) for key in KEYS], axis=0)
        agrees = (own > best).astype(np.float32)
        agrees[np.linalg.norm(written, axis=1) < QUIET] = np.nan
        parts.append(agrees)
    return np.concatenate(parts)


def _fit(written: Array, heard: Array, key: int) -> Array:
    """Product of vectors, those of the score moved by `key` semitones and at length 1."""
    moved = np.zeros_like(written)
    if key >= 0:
        moved[:, key:] = written[:, : written.shape[1] - key]
    else:
        moved[:, :key] = written[:, -key:]
    fit: Array = (moved * heard).sum(axis=1) / (np.linalg.norm(moved, axis=1) + 1e-9)
    return fit


def confidence_of(agrees: Array, path: Path, seconds: int) -> NDArray[np.float32]:
    """How sure an alignment is in each second of the recording, 0 to 1.

    Args:
        agrees: of each pair of the path.
        path: whose columns are frames of the recording.
        seconds: how many.

    Returns:
        ``(seconds,)``: from the share of agreeing pairs within a few seconds; 0 outside the path.
    """
    known = ~np.isnan(agrees)
    second = path.columns[known] // FRAMES_PER_S
    count = np.bincount(second, minlength=seconds)[:seconds].astype(np.float64)
    good = np.bincount(second, weights=agrees[known], minlength=seconds)[:seconds]
    size = round(AROUND_S)
    mean = uniform_filter1d(good, size, mode="constant") / np.maximum(
        uniform_filter1d(count, size, mode="constant"), 1e-9
    )
    within = np.zeros(seconds, bool)
    within[path.columns[0] // FRAMES_PER_S : path.columns[-1] // FRAMES_PER_S + 1] = True
    sure = np.clip((mean - BY_CHANCE) / (SURE - BY_CHANCE), 0, 1)
    return np.where(within, sure, 0).astype(np.float32)
