"""Condition vectors: what an instrument's harmonics are like, register by register.

The vector comes from the instrument's DDSP model, asked for a steady tone at each pitch. A note
contributes the pitch it has and nothing else, so neither its duration nor its gain can matter.
`core.instrument` keeps the default vector; training draws variations of it with `draw`.

numpy only, until a model has to be asked: workers that mix training data import this module.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core import __version__
from core.errors import DataError

if TYPE_CHECKING:
    from core.ddsp.model import DdspModel

Array = npt.NDArray[np.float32]

CONDITION_VERSION = 1
"""Version of the vector's definition; it changes whenever the same notes give another vector."""

HARMONICS = 40
"""Harmonics in the vector, of those the model has."""

EDGES = (48.0, 60.0, 72.0)
"""Where pitch registers meet, in MIDI numbers: C3, C4, C5 (130.81, 261.63, 523.25 Hz)."""

REGISTERS = len(EDGES) + 1
DIM = REGISTERS * (HARMONICS + 1)
FLOOR = 1e-4
"""Share of a harmonic (−80 dB) that the logarithm takes for silence."""

NOTE_SHARE = 0.05
"""A pitch counts as a note when it holds this share of the frames that sound."""

TOLERANCE = 0.3
"""Semitones by which a pitch may lie outside of a range and still belong to it."""


@dataclass(frozen=True)
class HarmonicTable:
    """An instrument's harmonic distributions over pitch and loudness.

    Attributes:
        pitches: MIDI numbers (pitches,), ascending.
        levels: loudness in dB (levels,): quartiles of what the model was trained on.
        distributions: shares of the harmonics (levels, pitches, harmonics), summing to 1.
    """

    pitches: Array
    levels: Array
    distributions: Array

    @classmethod
    def from_model(cls, model: DdspModel, f0_range: tuple[float, float]) -> HarmonicTable:
        """Ask a model for one second at each semitone and level; average the last half.

        Semitones outside of what the model has heard are left out: its answers there are guesses.

        Args:
            model: a trained DDSP model.
            f0_range: the instrument's lowest and highest fundamental, Hz.

        Raises:
            DataError: the range has no semitone that the model has heard.
        """
        import torch

        heard = model.heard.f0_hz
        low = math.ceil(_midi(max(f0_range[0], heard[0])) - TOLERANCE)
        high = math.floor(_midi(min(f0_range[1], heard[1])) + TOLERANCE)
        pitches = np.arange(low, high + 1, dtype=np.float32)
        if pitches.size == 0:
            raise DataError(
                f"the DDSP model has heard {heard[0]:.0f} to {heard[1]:.0f} Hz, nothing of the "
                f"f0 range {f0_range[0]:.0f} to {f0_range[1]:.0f} Hz",
                "correct f0_range in instrument.yaml, or train the model on fitting solos",
            )
        levels = np.asarray(model.heard.loudness_db, dtype=np.float32)
        frames = model.config.frame_rate
        device = next(model.parameters()).device
        hz = torch.from_numpy(440.0 * 2 ** ((pitches - 69) / 12)).to(device)
        f0 = hz.repeat(len(levels))[:, None].expand(-1, frames)  # (levels · pitches, frames)
        level = torch.from_numpy(levels).to(device).repeat_interleave(len(pitches))
        with torch.no_grad():
            answer = model.controls(f0, level[:, None].expand(-1, frames)).distribution
        settled = answer[:, frames // 2 :].mean(dim=1).cpu().numpy()  # (levels · pitches, K)
        return cls(pitches, levels, settled.reshape(len(levels), len(pitches), -1))


def build(model_file: Path, f0_range: tuple[float, float]) -> HarmonicTable:
    """Read a DDSP model and tabulate its harmonics.

    Args:
        model_file: safetensors file of a trained model.
        f0_range: the instrument's lowest and highest fundamental, Hz.

    Raises:
        CheckpointError: the file is missing, cut or of another kind.
        DataError: the range has no semitone that the model has heard.
    """
    from core.ddsp.model import DdspModel

    return HarmonicTable.from_model(DdspModel.load(model_file), f0_range)


def condition(
    table: HarmonicTable, pitches: Sequence[float] | None = None, level: float | None = None
) -> Array:
    """The condition vector of an instrument.

    For each register: the mean of its notes' first 40 harmonics, each share d compressed to
    ``(ln(d + 1e-4) − ln 1e-4) / −ln 1e-4``, then the fraction of the notes that lie in the
    register. A register without notes is all zeros.

    Args:
        table: from `HarmonicTable.from_model` or `build`.
        pitches: notes as MIDI numbers; each counts as the nearest semitone of the table; every
            semitone of the table by default.
        level: loudness in dB, interpolated between the table's levels; by default their mean.

    Returns:
        (164,) float32, every value from 0 to 1 (1.00002 for a pure tone).

    Raises:
        DataError: no notes, or a note that is not a finite number.
    """
    if pitches is None:
        index = np.arange(len(table.pitches))
    else:
        notes = np.asarray(list(pitches), dtype=np.float64)
        if notes.size == 0 or not np.isfinite(notes).all():
            raise DataError(
                "a condition needs at least one note", "give MIDI note numbers, such as 60 for C4"
            )
        index = np.unique(np.abs(table.pitches[None] - notes[:, None]).argmin(axis=1))
    return _pool(_at_level(table, level)[index], table.pitches[index])


def condition_from_audio(
    table: HarmonicTable, audio: Array, sample_rate: int, f0_range: tuple[float, float]
) -> Array:
    """The condition vector for the notes that a recording holds.

    Args:
        table: the instrument's harmonics.
        audio: (samples,) at 16 kHz.
        sample_rate: Hz.
        f0_range: lowest and highest fundamental to look for, Hz.

    Raises:
        AudioError: another sample rate, or audio that is empty, non-finite or not mono.
        DataError: no steady pitch in it.
    """
    return condition(table, notes_in(audio, sample_rate, f0_range))


def notes_in(audio: Array, sample_rate: int, f0_range: tuple[float, float]) -> list[float]:
    """The semitones that hold at least 5 % of the frames that sound at a sure pitch.

    Args:
        audio: (samples,) at 16 kHz; its gain does not matter.
        sample_rate: Hz.
        f0_range: lowest and highest fundamental to look for, Hz.

    Returns:
        MIDI numbers, ascending.

    Raises:
        AudioError: another sample rate, or audio that is empty, non-finite or not mono.
        DataError: no steady pitch in it.
    """
    from core.ddsp.features import VOICED, check_rate, extract

    check_rate(sample_rate)
    peak = float(np.abs(audio).max(initial=0.0))
    level = np.float32(0.5 / peak) if 0 < peak < math.inf else np.float32(1)
    found = extract(audio * level, sample_rate, f0_range)
    sounding = found.loudness_db > max(float(found.loudness_db.max()) - 40.0, -75.0)
    voiced = found.f0_hz[sounding & (found.f0_confidence >= VOICED)]
    if voiced.size == 0:
        raise DataError(
            f"no note between {f0_range[0]:.0f} and {f0_range[1]:.0f} Hz in the audio",
            "give solo notes of this instrument, one at a time",
        )
    semitones, counts = np.unique(np.rint(69 + 12 * np.log2(voiced / 440)), return_counts=True)
    held = semitones[counts >= NOTE_SHARE * voiced.size]
    return [float(note) for note in (held if held.size else semitones)]


def draw(table: HarmonicTable, rng: np.random.Generator) -> Array:
    """A random variation of the condition, so that training follows the vector and not a label.

    Notes: all of them, a random contiguous register, or a random set of at least three semitones.
    Level: the mean or one of the table's. Timbre: a gentle tilt (±1 dB an octave) and noise (1 dB)
    on the harmonics, renormalised.

    Args:
        table: the instrument's harmonics.
        rng: source of chance.

    Returns:
        (164,) float32, defined as in `condition`.
    """
    count = len(table.pitches)
    least = min(3, count)
    kind = rng.random()
    if kind < 0.25:
        index = np.arange(count)
    elif kind < 0.65:
        width = int(rng.integers(least, count + 1))
        start = int(rng.integers(0, count - width + 1))
        index = np.arange(start, start + width)
    else:
        size = int(rng.integers(least, count + 1))
        index = np.sort(rng.choice(count, size, replace=False))
    pick = int(rng.integers(-1, len(table.levels)))
    shares = (table.distributions[pick] if pick >= 0 else table.distributions.mean(axis=0))[index]

    octaves = np.log2(np.arange(1, shares.shape[1] + 1))
    gain_db = rng.normal(0.0, 1.0) * octaves + rng.normal(0.0, 1.0, shares.shape[1])
    shares = shares * 10 ** (gain_db / 20)  # (notes, harmonics)
    return _pool(shares / shares.sum(axis=1, keepdims=True), table.pitches[index])


def provenance(
    model_file: Path, table: HarmonicTable, pitches: Sequence[float] | None = None
) -> dict[str, Any]:
    """Where a condition came from, ready for JSON.

    Args:
        model_file: the DDSP model's file, for its hash.
        table: the harmonics tabulated from it.
        pitches: the notes given to `condition`.
    """
    notes = table.pitches.tolist() if pitches is None else [float(note) for note in pitches]
    return {
        "conditioner": "harmonic_distribution",
        "version": CONDITION_VERSION,
        "ddsp_sha256": hashlib.sha256(model_file.read_bytes()).hexdigest(),
        "notes": notes,
        "levels_db": [round(value, 3) for value in table.levels.tolist()],
        "sample_rate": 16_000,
        "code_version": __version__,
    }


def _at_level(table: HarmonicTable, level: float | None) -> Array:
    """Distributions (pitches, harmonics) at a loudness, or averaged over the levels."""
    if level is None:
        mean: Array = table.distributions.mean(axis=0)
        return mean
    place = float(np.interp(level, table.levels, np.arange(len(table.levels))))
    below = int(place)
    above = min(below + 1, len(table.levels) - 1)
    share = np.float32(place - below)
    mix: Array = (1 - share) * table.distributions[below] + share * table.distributions[above]
    return mix


def _pool(shares: npt.NDArray[np.floating[Any]], pitches: Array) -> Array:
    """The vector of notes with given distributions (notes, harmonics) and pitches (notes,)."""
    register = np.searchsorted(EDGES, pitches, side="right")
    member = register == np.arange(REGISTERS)[:, None]  # (registers, notes)
    counts = member.sum(axis=1, keepdims=True)
    known = min(HARMONICS, shares.shape[1])
    means = np.zeros((REGISTERS, HARMONICS))
    means[:, :known] = (member @ shares[:, :known]) / np.maximum(counts, 1)
    compressed = (np.log(means + FLOOR) - math.log(FLOOR)) / -math.log(FLOOR)
    vector = np.concatenate([compressed, counts / len(pitches)], axis=1)  # (registers, 41)
    return vector.reshape(DIM).astype(np.float32)


def _midi(hz: float) -> float:
    """MIDI number of a frequency in Hz."""
    return 69 + 12 * math.log2(hz / 440)
