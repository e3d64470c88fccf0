"""Condition vectors: what an instrument sounds like, register by register.

The vector comes from the instrument's DDSP model, asked for a steady tone at each pitch. A note
contributes the pitch it has and nothing else, so neither its duration nor its gain can matter.
`timbresep.instrument` keeps the vector; training draws variations of it with `draw`. What the
values are stands, version by version, in docs/guides/conditions.md.

numpy only, until a model has to play: workers that mix training data import this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from timbresep import __version__
from timbresep.condition.parts import PARTS, vary
from timbresep.condition.tone_table import Array, ToneTable
from timbresep.errors import DataError
from timbresep.files import sha256_of

Layout = tuple[str, ...]

LAYOUTS: dict[int, Layout] = {1: ("registers",), 2: ("registers", "spread", "noise")}
"""Version of the definition → the parts that the vector joins (`timbresep.condition.parts.PARTS`).

A version is new whenever the same notes give another vector. Each appends to the one before, so
that a separator of an earlier version is served with the beginning of the vector.
"""

CONDITION_VERSION = 2
"""Version that conditions are measured in."""


def length(version: int) -> int:
    """Number of values in a vector of a version.

    Raises:
        DataError: there is no such version.
    """
    if version not in LAYOUTS:
        raise DataError(
            f"conditions have no version {version}; known: {', '.join(map(str, LAYOUTS))}",
            "update timbresep, or rebuild it with `condition build`",
        )
    return sum(PARTS[name].length for name in LAYOUTS[version])


DIM = length(CONDITION_VERSION)


def version_of(vector: Array) -> int:
    """The version of a vector's definition, known by its length.

    Raises:
        DataError: no version has this length.
    """
    for version in LAYOUTS:
        if vector.shape == (length(version),):
            return version
    raise DataError(
        f"a condition of shape {vector.shape} is of no known version",
        "rebuild it with `condition build`",
    )


def as_version(vector: Array, version: int) -> Array:
    """A vector as an earlier version defined it: its beginning, as later ones only append.

    Args:
        vector: of the same or a later version.
        version: the version wanted.

    Returns:
        The vector's first `length(version)` values.

    Raises:
        DataError: no such version, or the vector is of an earlier one.
    """
    wanted = length(version)
    if vector.ndim != 1 or len(vector) < wanted:
        raise DataError(
            f"a condition of shape {vector.shape} has not the {wanted} values of version {version}",
            "rebuild it with `condition build`",
        )
    return vector[:wanted]


def split(vector: Array) -> Mapping[str, Array]:
    """The parts of a vector by name.

    Raises:
        DataError: a vector of no known version.
    """
    names = LAYOUTS[version_of(vector)]
    ends = np.cumsum([PARTS[name].length for name in names])
    return dict(zip(names, np.split(vector, ends[:-1]), strict=True))


def condition(
    table: ToneTable,
    pitches: Sequence[float] | None = None,
    version: int = CONDITION_VERSION,
) -> Array:
    """The condition vector of an instrument.

    Args:
        table: from `ToneTable.from_model` or `build`.
        pitches: notes as MIDI numbers; each counts as the nearest semitone of the table; every
            semitone of the table by default.
        version: of the vector's definition.

    Returns:
        (length(version),) float32, every value from 0 to 1 (1.00002 for a pure tone).

    Raises:
        DataError: no notes, a note that is not a finite number, notes for an instrument without
            pitch, or no such version.
    """
    if pitches is not None:
        table = table.only(table.nearest(pitches))
    return _join(table, version)


def draw(table: ToneTable, rng: np.random.Generator, version: int = CONDITION_VERSION) -> Array:
    """A random variation of the condition, so that training follows the vector and not a label.

    Notes: all of them, a random contiguous register, or a random set of at least three semitones.
    Level: all or one of the table's. Timbre: see `timbresep.condition.parts.vary`.

    Args:
        table: the instrument's tones.
        rng: source of chance.
        version: of the vector's definition.

    Returns:
        (length(version),) float32, defined as in `condition`.
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
    chosen = table.only(index)
    chosen = chosen if pick < 0 else chosen.at_level(float(table.levels[pick]))
    return _join(vary(chosen, rng), version)


def provenance(
    model_file: Path,
    table: ToneTable,
    pitches: Sequence[float] | None = None,
    version: int = CONDITION_VERSION,
) -> dict[str, Any]:
    """Where a condition came from, ready for JSON.

    Args:
        model_file: the DDSP model's file, for its hash.
        table: the tones tabulated from it.
        pitches: the notes given to `condition`.
        version: of the vector's definition.
    """
    notes = table.pitches.tolist() if pitches is None else [float(note) for note in pitches]
    return {
        "conditioner": "harmonic_distribution",
        "version": version,
        "parts": list(LAYOUTS[version]),
        "ddsp_sha256": sha256_of(model_file),
        "notes": notes,
        "levels_db": [round(value, 3) for value in table.levels.tolist()],
        "sample_rate": 16_000,
        "code_version": __version__,
    }


def _join(table: ToneTable, version: int) -> Array:
    """The vector of a table's tones, all of them."""
    length(version)  # refuses an unknown one
    parts = [PARTS[name].measure(table) for name in LAYOUTS[version]]
    return np.concatenate(parts).astype(np.float32)
