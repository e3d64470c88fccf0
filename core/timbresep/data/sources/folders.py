"""Files and folders of datasets; their names may be anything."""

from __future__ import annotations

import os
from pathlib import Path

from timbresep.data.track import SUFFIXES
from timbresep.errors import DataError


def beneath(folder: Path, *names: str) -> Path:
    """A file below a folder, as the dataset's metadata name it; it may be missing.

    Raises:
        DataError: a name that leads out of the folder, or that no file can have.
    """
    path = folder.joinpath(*names)
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(f"'{name}' leads out of {folder.name}", "correct its metadata")
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise DataError(f"'{names[-1][:60]}' in {folder.name}: {reason}") from error
    return path


def folders_in(root: Path) -> list[Path]:
    """Visible folders in a folder, by name; none when it is not there or may not be read."""
    try:
        return sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
    except OSError:
        return []


def audio_in(folder: Path) -> list[Path]:
    """Visible audio files in a folder, by name; none where it may not be read (`may_be_read`)."""
    try:
        files = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != "."]
        return sorted(p for p in files if p.is_file())
    except OSError:
        return []


def may_be_read(folder: Path) -> None:
    """Raise DataError where a folder's files may not be looked at."""
    if not os.access(folder, os.R_OK | os.X_OK):
        raise DataError(f"{folder}: may not be read", "allow it, or leave the folder out")
