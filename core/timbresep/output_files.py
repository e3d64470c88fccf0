"""Where outputs go: a folder for each file, named after it; no existing file is lost."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from timbresep.errors import OutputExistsError
from timbresep.files import atomic_writes

DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9¹²³]", re.IGNORECASE)
"""Names that Windows keeps for itself, whatever their ending."""


def folders(files: Sequence[Path], root: Path) -> dict[Path, Path]:
    """File → folder of its stems, named after it; a second file of the same name gets a number."""
    taken: set[str] = set()
    chosen: dict[Path, Path] = {}
    seen: set[Path] = set()
    names = {_folder_name(path).casefold() for path in files}
    for path in files:
        if real(path) in seen:
            continue
        seen.add(real(path))
        name, number = _folder_name(path), 2
        while name.casefold() in taken or (number > 2 and name.casefold() in names):
            name, number = f"{_folder_name(path)}-{number}", number + 1
        taken.add(name.casefold())
        chosen[path] = root / name
    return chosen


def _folder_name(path: Path) -> str:
    """The file's name without its ending, as a name that a folder can have on every system.

    A name of dots would lead out of the output folder; Windows has no names that end in a dot or
    space, and none that are those of its devices.
    """
    name = path.stem
    if not name.strip(". "):
        return "_" * max(1, len(name))
    before = "_" if DEVICES.fullmatch(name.partition(".")[0].rstrip()) else ""
    after = "_" if name[-1] in ". " else ""
    return before + name + after


def real(path: Path) -> Path:
    """Where a path leads, also one that leads nowhere (a loop of links, a name too long)."""
    return Path(os.path.realpath(path))


def guard(path: Path, outputs: Sequence[Path], inputs: Set[Path], *, overwrite: bool) -> None:
    """Refuse to replace an output that is there, and always to replace a file of the batch."""
    for file in outputs:
        if real(file) in inputs:
            raise OutputExistsError(
                f"{path}: {file} would replace an input file",
                hint="choose another output folder",
            )
    existing = [file for file in outputs if os.path.lexists(file)]
    if existing and not overwrite:
        others = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise OutputExistsError(
            f"{path}: {existing[0]} exists already{others}",
            hint="use --overwrite to replace, or choose another folder with -o",
        )


@contextlib.contextmanager
def new_files(folder: Path, outputs: Sequence[Path], *, overwrite: bool) -> Iterator[list[Path]]:
    """Temporary files for all outputs, renamed when the block ends well and removed when not.

    A folder that was made for nothing goes too.
    """
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        with atomic_writes(outputs, replace=overwrite) as temporary:
            yield temporary
    except BaseException:
        for part in missing:
            with contextlib.suppress(OSError):  # not empty: it holds another file's stems
                part.rmdir()
        raise
