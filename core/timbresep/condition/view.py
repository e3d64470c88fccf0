"""Condition vectors for the terminal: bars of harmonics and noise, and how alike they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from timbresep.condition.parts import HARMONICS, REGISTERS
from timbresep.condition.tone_table import BANDS
from timbresep.condition.vector import split
from timbresep.errors import DataError

BARS = " ▁▂▃▄▅▆▇█"
REGISTER_NAMES = ("below C3", "C3 – C4", "C4 – C5", "above C5")

BY_REGISTER = ("registers", "spread")
"""Parts that hold values for each register."""

Vectors = Mapping[str, NDArray[np.float32]]


def bars(values: NDArray[np.float32]) -> str:
    """Numbers from 0 to 1 as a line of blocks, one each."""
    steps = np.clip(np.rint(values * (len(BARS) - 1)), 0, len(BARS) - 1).astype(int)
    return "".join(BARS[step] for step in steps)


def registers_of(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Harmonics by register, each row ending with the register's share of the notes (4, 41).

    Raises:
        DataError: a vector without registers, or of no known version.
    """
    return split(vector)["registers"].reshape(REGISTERS, HARMONICS + 1)


def harmonics_table(vectors: Vectors) -> Table:
    """A line per instrument and pitch register: level of harmonics 1 to 40 on a log scale.

    Where the vectors hold noise, a line for its bands follows.
    """
    view = Table(
        title="Harmonics by pitch register",
        caption="A bar per harmonic, the fundamental at the left; full height is the whole tone, "
        "each of the eight steps down is 10 dB less.",
        title_justify="left",
        caption_justify="left",
    )
    view.add_column("instrument")
    view.add_column("register")
    view.add_column("notes", justify="right")
    view.add_column(f"harmonics 1 – {HARMONICS}", no_wrap=True)
    for name, vector in vectors.items():
        try:
            parts = split(vector)
        except DataError:
            view.add_row(name, "", "", bars(vector))
            continue
        label = name
        for register, row in zip(REGISTER_NAMES, registers_of(vector), strict=True):
            if row[-1] > 0:  # the share of the notes that lie in this register
                view.add_row(label, register, f"{row[-1]:.0%}", bars(row[:-1]))
                label = ""
        if "noise" in parts:
            view.add_row(label, f"noise, {BANDS} bands", "", bars(parts["noise"][:BANDS]))
        view.add_section()
    return view


def similarity(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """How near two conditions are: the cosine of the angle between the vectors.

    Each register's values weigh as much as the square root of its share of the notes, so that a
    register with a single note does not count like one with a dozen. 1 is the same direction, 0
    is unrelated. Of vectors of different versions, the beginnings that they share are compared.
    This is the measure of nearness everywhere.
    """
    shared = min(len(first), len(second))
    one, two = _weighed(first[:shared]), _weighed(second[:shared])
    norms = float(np.linalg.norm(one)) * float(np.linalg.norm(two))
    return float(one @ two) / norms if norms else 0.0


def _weighed(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """A vector with its registers weighed by their notes; as it is, if of no known version."""
    try:
        parts = split(vector)
    except DataError:
        return vector
    weight = np.sqrt(registers_of(vector)[:, -1:]) if "registers" in parts else 1.0
    return np.concatenate(
        [
            (values.reshape(REGISTERS, -1) * weight).reshape(-1) if name in BY_REGISTER else values
            for name, values in parts.items()
        ]
    )


def similarities(vectors: Vectors) -> NDArray[np.float64]:
    """`similarity` of every pair (instruments, instruments)."""
    return np.array([[similarity(a, b) for b in vectors.values()] for a in vectors.values()])


def parts_of(vectors: Vectors) -> dict[str, object]:
    """What `harmonics_table` draws, as numbers: ``{"conditions": {name: {part: values}}}``.

    The parts are those of `timbresep.condition.parts`; a vector of no known version is one part,
    ``values``.
    """
    found: dict[str, object] = {}
    for name, vector in vectors.items():
        try:
            found[name] = split(vector)
        except DataError:
            found[name] = {"values": vector}
    return {"conditions": found}


def similarities_of(vectors: Vectors) -> dict[str, object]:
    """`similarities` by name, for programs: ``{"similarities": {name: {name: cosine}}}``."""
    rows = (dict(zip(vectors, row, strict=True)) for row in similarities(vectors))
    return {"similarities": dict(zip(vectors, rows, strict=True))}


def similarity_table(vectors: Vectors) -> Table:
    """Cosine similarity of every pair, and which other one is nearest to each."""
    view = Table(title="Cosine similarity", title_justify="left")
    view.add_column("")
    for name in vectors:
        view.add_column(name, justify="right")
    view.add_column("nearest")
    names, matrix = list(vectors), similarities(vectors)
    for name, row in zip(names, matrix, strict=True):
        others = [(value, other) for value, other in zip(row, names, strict=True) if other != name]
        nearest = max(others)[1] if others else ""
        view.add_row(name, *(f"{value:.3f}" for value in row), nearest)
    return view
