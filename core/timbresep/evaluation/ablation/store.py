"""An ablation as files: every number as JSON, and the matrix as a picture."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from timbresep.errors import OutputExistsError
from timbresep.evaluation.ablation.run import SHUFFLE_SEED, Ablation
from timbresep.figure import new_figure, save_figure
from timbresep.files import write_json
from timbresep.separation.separator import Separator
from timbresep.transcription.hearing import Hearing

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORES, PICTURE = "ablation.json", "ablation.png"


def check_output(out: Path, *, overwrite: bool) -> None:
    """Refuse what could not be written, before any work.

    Raises:
        OutputExistsError: the folder is a file, or has an ablation that may not be replaced.
    """
    if out.exists() and not out.is_dir():
        raise OutputExistsError(f"{out} is a file", "choose another folder with --out")
    for path in (out / SCORES, out / PICTURE):
        if path.exists() and not overwrite:
            raise OutputExistsError(f"{path} exists", "choose another --out, or use --overwrite")
    new_figure(1, 1, out / PICTURE, overwrite=overwrite)


def write(
    result: Ablation,
    model: Separator | Hearing,
    data: Path,
    out: Path,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write both files.

    Args:
        result: what was found.
        model: of which separator or transcriber.
        data: on which folder of tracks.
        out: folder for the files.
        overwrite: replace those that are there.

    Returns:
        The files.

    Raises:
        OutputExistsError: as `check_output`.
    """
    check_output(out, overwrite=overwrite)
    write_json(out / SCORES, as_data(result, model, data), replace=overwrite)
    _draw(result, out / PICTURE, overwrite=overwrite)
    return [out / SCORES, out / PICTURE]


def as_data(result: Ablation, model: Separator | Hearing, data: Path) -> dict[str, object]:
    """Every number, ready for JSON, and what it is of; arguments as of `write`."""
    checkpoint = model.checkpoint
    first = model.first if isinstance(model, Separator) else None
    return {
        "checkpoint": checkpoint.path.name,
        "source_model": first.stage.name if first else None,
        "conditioning": checkpoint.metadata.conditioning,
        "data": str(data),
        "score": result.measure.name,
        "shuffle_seed": SHUFFLE_SEED,
        "mean": result.mean(),
        "instruments": [asdict(row) for row in result.rows],
    }


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


def _draw(result: Ablation, out: Path, *, overwrite: bool) -> None:
    values = matrix(result)
    rows, columns = (
        [row.instrument for row in result.rows],
        [*result.conditions, "shuffled", "zero"],
    )
    figure = new_figure(3.5 + 0.6 * len(columns), 2.2 + 0.5 * len(rows), out, overwrite=overwrite)
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
    save_figure(figure, out, overwrite=overwrite)
