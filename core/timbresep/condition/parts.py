"""The parts that condition vectors are made of: each a fixed number of values from 0 to 1.

A part takes a table of tones and knows nothing of versions; `timbresep.condition.vector` puts
them together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from timbresep.condition.tone_table import BANDS, ToneTable
from timbresep.units import db_to_amplitude, db_to_power

HARMONICS = 40
"""Harmonics in a vector, of those the model has."""

EDGES = (48.0, 60.0, 72.0)
"""Where pitch registers meet, in MIDI numbers: C3, C4, C5 (130.81, 261.63, 523.25 Hz)."""

REGISTERS = len(EDGES) + 1
FLOOR = 1e-4
"""Share of a harmonic (−80 dB) that the logarithm takes for silence."""

RATIO_DB = 40.0
"""Ratios of noise to harmonics reach from minus to plus this many dB."""


@dataclass(frozen=True)
class Part:
    """One part of a vector.

    Attributes:
        length: how many values it has.
        measure: gives them (length,) for the tones in a table.
    """

    length: int
    measure: Callable[[ToneTable], npt.NDArray[np.floating]]


def compress(shares: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Shares d of an amplitude as ``(ln(d + 1e-4) − ln 1e-4) / −ln 1e-4``: 0 to 1 for 0 to 1."""
    values: npt.NDArray[np.floating] = (np.log(shares + FLOOR) - math.log(FLOOR)) / -math.log(FLOOR)
    return values


def expand(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The shares that `compress` made values of."""
    shares: npt.NDArray[np.floating] = FLOOR * (np.exp(values * -math.log(FLOOR)) - 1)
    return shares


def registers(table: ToneTable) -> npt.NDArray[np.floating]:
    """For each register: the mean of its tones' harmonics, compressed, then its share of the tones.

    A register without tones is all zeros, and so is an instrument without pitch (4 · 41,).
    """
    shares = table.distributions.mean(axis=0)  # (pitches, harmonics)
    member, counts = _members(table)
    known = min(HARMONICS, shares.shape[1])
    means = np.zeros((REGISTERS, HARMONICS))
    means[:, :known] = (member @ shares[:, :known]) / np.maximum(counts, 1)
    share = counts / max(len(table.pitches), 1)
    return np.concatenate([compress(means), share], axis=1).reshape(-1)


def spread(table: ToneTable) -> npt.NDArray[np.floating]:
    """For each register: how the compressed harmonics differ among its tones and their levels.

    Twice the standard deviation, which is 1 at most (4 · 40,).
    """
    known = min(HARMONICS, table.distributions.shape[2])
    levels = compress(table.distributions[..., :known])  # (levels, pitches, harmonics)
    member, counts = _members(table)
    counts = np.maximum(counts, 1)
    first = member @ levels.mean(axis=0) / counts  # (registers, harmonics)
    second = member @ np.square(levels).mean(axis=0) / counts
    values = np.zeros((REGISTERS, HARMONICS))
    values[:, :known] = 2 * np.sqrt(np.maximum(second - first**2, 0))
    return values.reshape(-1)


def noise(table: ToneTable) -> npt.NDArray[np.floating]:
    """Noise of the mean tone: each band's share of its power, then the ratio to the harmonics.

    A share p of the power is compressed as the amplitude ``√p``. The ratio n / (1 − n), n being the
    share of all bands, runs from −40 dB (0) to 40 dB (1) (17,).
    """
    shares = table.noise.mean(axis=(0, 1), dtype=np.float64)  # (bands,)
    whole = float(np.clip(shares.sum(), 1e-9, 1 - 1e-9))
    ratio = 10 * math.log10(whole / (1 - whole))
    told = np.clip((ratio + RATIO_DB) / (2 * RATIO_DB), 0, 1)
    return np.append(compress(np.sqrt(shares)), told)


PARTS = {
    "registers": Part(REGISTERS * (HARMONICS + 1), registers),
    "spread": Part(REGISTERS * HARMONICS, spread),
    "noise": Part(BANDS + 1, noise),
}
"""Every part by name."""


def vary(table: ToneTable, rng: np.random.Generator) -> ToneTable:
    """Another timbre near to a table's, the same change for all of its tones.

    Harmonics: a tilt (±1 dB an octave) and noise (1 dB) on each, renormalised. Noise bands: the
    same, and ±2 dB on all of them against the harmonics, renormalised.

    Args:
        table: the instrument's tones.
        rng: source of chance.
    """
    octaves = np.log2(np.arange(1, table.distributions.shape[2] + 1))
    gain_db = rng.normal(0.0, 1.0) * octaves + rng.normal(0.0, 1.0, len(octaves))
    shares = table.distributions * db_to_amplitude(gain_db).astype(np.float32)
    whole = np.maximum(shares.sum(axis=2, keepdims=True), FLOOR**2)
    shares = shares / whole  # (levels, pitches, harmonics)

    places = np.linspace(-3, 3, BANDS)  # about an octave each two bands and a half
    gain_db = rng.normal(0.0, 1.0) * places + rng.normal(0.0, 1.0, BANDS) + rng.normal(0.0, 2.0)
    bands = table.noise * db_to_power(gain_db).astype(np.float32)  # (levels, tones, bands)
    harmonic = np.maximum(1 - table.noise.sum(axis=2, keepdims=True), 0)
    bands = bands / np.maximum(harmonic + bands.sum(axis=2, keepdims=True), FLOOR**2)
    return ToneTable(table.pitches, table.levels, shares, bands)


def _members(table: ToneTable) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which pitches lie in which register (registers, pitches), and how many (registers, 1)."""
    register = np.searchsorted(EDGES, table.pitches, side="right")
    member = register == np.arange(REGISTERS)[:, None]
    return member, member.sum(axis=1, keepdims=True)
