"""What a note's spectrum looks like before the mixture is heard: lobes at its overtones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbresep.condition.parts import EDGES, HARMONICS, REGISTERS, expand
from timbresep.condition.vector import split
from timbresep.units import midi_to_hz

Shares = NDArray[np.float64]

FAINTEST = 1e-5
"""Share of an overtone (−100 dB) that a mean of voices takes for silence."""

LOBE = 2.0
"""Bins from the middle of a lobe to its edge: those of the window's main lobe."""

VIBRATO_CENTS = 25.0
"""How much wider a lobe is to each side, for vibrato, mistuning and stiff strings."""

FLOOR = 0.03
"""Share of a template that is spread evenly over all bins, for breath, bow and hammer: where it is
used, the fit gives it the shape that the mixture asks for."""


@dataclass(frozen=True)
class Overtones:
    """Amplitudes of an instrument's overtones, register by register.

    Attributes:
        registers: shares of the overtones (registers, 40); a row of zeros where none is known.
    """

    registers: Shares

    @classmethod
    def plain(cls) -> Overtones:
        """Those of no instrument: the k-th has the amplitude 1/k."""
        return cls(np.zeros((REGISTERS, HARMONICS)))

    @classmethod
    def of(cls, condition: NDArray[np.float32]) -> Overtones:
        """Those that a condition vector holds.

        Raises:
            DataError: a vector of no known version.
        """
        parts = split(condition)["registers"].reshape(REGISTERS, HARMONICS + 1)
        known = parts[:, HARMONICS:] > 0
        return cls(np.where(known, expand(parts[:, :HARMONICS].astype(np.float64)), 0.0))

    @classmethod
    def mean(cls, voices: Sequence[Overtones]) -> Overtones:
        """The mean of several instruments, in each register of those that are known there."""
        if not voices:
            return cls.plain()
        every = np.stack([voice.registers for voice in voices])
        known = every.any(axis=2, keepdims=True)
        return cls(every.sum(axis=0) / np.maximum(known.sum(axis=0), 1))

    def with_half(self, other: Overtones) -> Overtones:
        """The geometric mean with another's; one of them alone where the other is not known."""
        own, its = self.registers, other.registers
        both = np.sqrt((own + FAINTEST) * (its + FAINTEST))
        known, others = own.any(axis=1, keepdims=True), its.any(axis=1, keepdims=True)
        return Overtones(np.where(known & others, both, own + its))

    def at(self, pitch: float) -> Shares:
        """The overtones (40,) of a note (MIDI number), from the nearest register that is known."""
        register = int(np.searchsorted(EDGES, pitch, side="right"))
        known = np.flatnonzero(self.registers.any(axis=1))
        if not len(known):
            return 1 / np.arange(1, HARMONICS + 1)
        nearest: Shares = self.registers[known[np.abs(known - register).argmin()]]
        return nearest


def templates(
    pitches: Sequence[float], overtones: Overtones, *, n_fft: int, rate: int
) -> NDArray[np.float32]:
    """Magnitude spectra of notes.

    Args:
        pitches: MIDI numbers.
        overtones: of the instrument.
        n_fft: length of the transform, samples.
        rate: Hz.

    Returns:
        (pitches, n_fft / 2 + 1), each of which sums to 1.
    """
    bins = np.arange(n_fft // 2 + 1) * rate / n_fft  # Hz
    rows = np.full((len(pitches), len(bins)), FLOOR / len(bins))
    for row, pitch in zip(rows, pitches, strict=True):
        lobes = _lobes(float(midi_to_hz(pitch)), overtones.at(pitch), bins, rate / n_fft)
        row += (1 - FLOOR) * lobes / max(float(lobes.sum()), FAINTEST)
    spectra: NDArray[np.float32] = (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    return spectra


def _lobes(f0: float, shares: Shares, bins: Shares, step: float) -> Shares:
    """A raised cosine around each overtone below the last bin.

    Overtones above the 40th go on falling as 1/k.
    """
    count = max(1, int(bins[-1] // f0))
    numbers = np.arange(1, count + 1)
    known = shares[np.minimum(numbers, len(shares)) - 1]
    amplitudes = known * np.minimum(1.0, len(shares) / numbers)
    spectrum = np.zeros_like(bins)
    for number, amplitude in zip(numbers, amplitudes, strict=True):
        middle = number * f0
        width = LOBE * step + middle * (2 ** (VIBRATO_CENTS / 1200) - 1)
        near = slice(
            max(0, math.ceil((middle - width) / step)), math.floor((middle + width) / step) + 1
        )
        distance = (bins[near] - middle) / width
        spectrum[near] += max(amplitude, FAINTEST) * (0.5 + 0.5 * np.cos(np.pi * distance))
    return spectrum
