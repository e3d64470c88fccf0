"""The figures of a page as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from timbresep.errors import OutputExistsError
from timbresep.files import write_bytes
from timbresep.report.page import Picture


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, a folder into which figures cannot be written.

    Raises:
        OutputExistsError: it is a file, or holds pictures that may not be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder} is a file", "choose another folder for the figures")
    if not overwrite and any(folder.glob("*.png")):
        raise OutputExistsError(
            f"{folder} holds pictures", "choose another folder for the figures, or use --overwrite"
        )


def is_ours(path: Path) -> bool:
    """Whether a PNG file was drawn here."""
    with path.open("rb") as file:
        return b"Software\0timbresep" in file.read(400)


def write_figures(figures: Sequence[Picture], folder: Path, *, overwrite: bool) -> list[Path]:
    """Write figures, ``folder/<name>.png``; gives the files.

    Raises:
        OutputExistsError: as `check_folder`.
        OutputError: the file system refuses it.
    """
    check_folder(folder, overwrite=overwrite)
    paths = [folder / f"{each.name}.png" for each in figures]
    for path, each in zip(paths, figures, strict=True):
        write_bytes(path, each.png, replace=overwrite)
    return paths
