"""Figures that commands write as PNG, drawn with matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from timbresep.errors import DataError, OutputExistsError
from timbresep.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, out: Path, *, overwrite: bool) -> Figure:
    """An empty figure in inches, once it is clear that it can be written.

    Raises:
        DataError: `out` is not called .png.
        OutputExistsError: the file is there and may not be replaced.
    """
    if out.suffix.lower() != ".png":
        raise DataError(f"{out}: pictures are written as PNG", "give a name that ends in .png")
    if out.exists() and not overwrite:
        raise OutputExistsError(f"{out} exists", "choose another name, or use --overwrite")
    from matplotlib.figure import Figure  # slow to import

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, out: Path, *, overwrite: bool) -> None:
    """Write a figure as PNG; errors as for `atomic_write`."""
    with atomic_write(out, replace=overwrite) as temporary:
        figure.savefig(temporary, dpi=120, format="png", metadata={"Software": "timbresep"})
