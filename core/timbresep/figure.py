"""Figures as PNG, drawn with matplotlib."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from timbresep.errors import DataError, OutputExistsError
from timbresep.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def blank(width: float, height: float) -> Figure:
    """An empty figure in inches."""
    from matplotlib.figure import Figure  # slow to import

    return Figure(figsize=(width, height), layout="constrained")


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
    return blank(width, height)


def png_of(figure: Figure) -> bytes:
    """A figure as the contents of a PNG file; names in it are not read as formulas."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    file = io.BytesIO()
    figure.savefig(file, dpi=120, format="png", metadata={"Software": "timbresep"})
    return file.getvalue()


def save_figure(figure: Figure, out: Path, *, overwrite: bool) -> None:
    """Write a figure as PNG; errors as for `atomic_write`."""
    write_bytes(out, png_of(figure), replace=overwrite)
