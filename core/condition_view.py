"""Condition vectors for the eye: harmonics as bars, and how alike instruments are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from core.conditioner import DIM, HARMONICS, REGISTERS

BARS = " ▁▂▃▄▅▆▇█"
REGISTER_NAMES = ("below C3", "C3 – C4", "C4 – C5", "above C5")

Vectors = Mapping[str, NDArray[np.float32]]


def bars(values: NDArray[np.float32]) -> str:
    """Numbers from 0 to 1 as a line of blocks, one each."""
    steps = np.clip(np.rint(values * (len(BARS) - 1)), 0, len(BARS) - 1).astype(int)
    return "".join(BARS[step] for step in steps)


def harmonics_table(vectors: Vectors) -> Table:
    """A line per instrument and pitch register: level of harmonics 1 to 40 on a log scale."""
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
        if vector.shape != (DIM,):
            view.add_row(name, "", "", bars(vector))
            continue
        registers = vector.reshape(REGISTERS, HARMONICS + 1)
        label = name
        for register, row in zip(REGISTER_NAMES, registers, strict=True):
            if row[-1] > 0:  # the share of the notes that lie in this register
                view.add_row(label, register, f"{row[-1]:.0%}", bars(row[:-1]))
                label = ""
        view.add_section()
    return view


def similarity(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Cosine of the angle between two vectors: 1 for the same direction, 0 for unrelated ones."""
    norms = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(first @ second) / norms if norms else 0.0


def similarity_table(vectors: Vectors) -> Table:
    """Cosine similarity of every pair."""
    view = Table(title="Cosine similarity", title_justify="left")
    view.add_column("")
    for name in vectors:
        view.add_column(name, justify="right")
    for name, vector in vectors.items():
        view.add_row(name, *(f"{similarity(vector, other):.3f}" for other in vectors.values()))
    return view
