"""Condition vectors as PNG pictures, drawn with matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from timbresep.condition.parts import HARMONICS
from timbresep.condition.tone_table import BANDS
from timbresep.condition.vector import split
from timbresep.condition.view import REGISTER_NAMES, Vectors, registers_of, similarities
from timbresep.figure import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS_DB = np.arange(-80, 1, 20)


def draw_harmonics(vectors: Vectors, out: Path, *, overwrite: bool = False) -> None:
    """Draw each instrument's harmonics, a line for each pitch register, and its noise bands.

    Args:
        vectors: name → condition.
        out: PNG file to write.
        overwrite: replace it if it is there.

    Raises:
        DataError: a vector of no known version.
        OutputExistsError: the file is there and may not be replaced.
    """
    figure = new_figure(*size(vectors), out, overwrite=overwrite)
    fill_harmonics(figure, vectors)
    save_figure(figure, out, overwrite=overwrite)


def size(vectors: Vectors) -> tuple[float, float]:
    """Width and height in inches of what `draw_harmonics` draws."""
    return 11 if _noisy(vectors) else 8, 0.6 + 1.9 * len(vectors)


def _noisy(vectors: Vectors) -> bool:
    return any("noise" in split(vector) for vector in vectors.values())


def fill_harmonics(figure: Figure, vectors: Vectors) -> None:
    """Draw harmonics and noise bands into an empty figure; arguments as `draw_harmonics`."""
    noisy = _noisy(vectors)
    columns = 2 if noisy else 1
    axes = figure.subplots(
        len(vectors), columns, squeeze=False, sharey=True, width_ratios=[5, 2][:columns]
    )
    numbers = np.arange(1, HARMONICS + 1)
    for row, (name, vector) in zip(axes, vectors.items(), strict=True):
        row[0].set_ylabel(f"{name}\ndB of the tone")
        row[0].set_yticks(1 + LEVELS_DB / 80, [str(level) for level in LEVELS_DB])
        for label, values in zip(REGISTER_NAMES, registers_of(vector), strict=True):
            if values[-1] > 0:
                row[0].plot(numbers, values[:-1], "o-", ms=3, lw=1, label=label)
        if row[0].lines:
            row[0].legend(fontsize=7, loc="upper right")
        else:
            row[0].text(0.5, 0.5, "no pitch", transform=row[0].transAxes, ha="center")
        if noisy and "noise" in (parts := split(vector)):
            row[1].bar(np.arange(1, BANDS + 1), parts["noise"][:BANDS], color="grey")
    axes[-1, 0].set_xlabel("harmonic")
    if noisy:
        axes[-1, 1].set_xlabel("noise band, 0 to 8 kHz")


def draw_similarities(vectors: Vectors, out: Path, *, overwrite: bool = False) -> None:
    """Draw the similarity of every pair as a matrix; arguments and errors as `draw_harmonics`."""
    size = 2.5 + 0.55 * len(vectors)
    figure = new_figure(size + 1, size, out, overwrite=overwrite)
    axes = figure.subplots()
    matrix = similarities(vectors)
    apart = ~np.eye(len(matrix), dtype=bool)
    bottom = float(matrix[apart].min()) if apart.any() else 0.0
    image = axes.imshow(matrix, vmin=bottom, vmax=1.0, cmap="viridis")
    names = list(vectors)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    for (row, column), value in np.ndenumerate(matrix):
        dark = value < (bottom + 1) / 2
        colour = "white" if dark else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, label="cosine similarity of the conditions")
    save_figure(figure, out, overwrite=overwrite)
