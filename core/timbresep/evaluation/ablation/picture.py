"""An ablation as a picture: how well each condition does for each instrument."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from timbresep.evaluation.ablation.run import Ablation
from timbresep.figure import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def matrix(result: Ablation) -> NDArray[np.float64]:
    """(instruments, conditions + 2): every condition, then shuffled and zero."""
    return np.array(
        [
            [
                *({**row.swapped, row.instrument: row.true}[name] for name in result.conditions),
                row.shuffled,
                row.zero,
            ]
            for row in result.rows
        ]
    )


def size(result: Ablation) -> tuple[float, float]:
    """Width and height of the picture in inches."""
    return 3.5 + 0.6 * (len(result.conditions) + 2), 2.2 + 0.5 * len(result.rows)


def draw(result: Ablation, out: Path, *, overwrite: bool) -> None:
    """Write the picture as PNG; errors as `timbresep.figure.new_figure`."""
    figure = new_figure(*size(result), out, overwrite=overwrite)
    fill(figure, result)
    save_figure(figure, out, overwrite=overwrite)


def fill(figure: Figure, result: Ablation) -> None:
    """Draw the matrix into an empty figure."""
    values = matrix(result)
    rows, columns = (
        [row.instrument for row in result.rows],
        [*result.conditions, "shuffled", "zero"],
    )
    axes = figure.subplots()
    # Blue is better than the mixture and red is worse; the colours end where the oracle does.
    # Without an oracle, 1 is all there is.
    bound = max([1.0, *(row.oracle for row in result.rows if row.oracle is not None)])
    image = axes.imshow(values, vmin=-bound, vmax=bound, cmap="RdBu", aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("condition")
    axes.set_ylabel("instrument")
    for (row, column), value in np.ndenumerate(values):
        own = rows[row] == columns[column]
        axes.text(
            *(column, row, result.measure.shown(value)),
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold" if own else "normal",
            color="white" if abs(value) > 0.6 * bound else "black",
        )
    figure.colorbar(image, label=result.measure.name, extend="both")
