"""Where outputs go: a folder for each file, named after it; no existing file is lost."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path

from timbresep.errors import OutputExistsError
from timbresep.files import atomic_writes
from timbresep.formats.file_name import DEVICES


def folders(
    files: Sequence[Path], root: Path, inside: Mapping[Path, Path] | None = None
) -> dict[Path, Path]:
    """File → folder of its stems, named after it; a second file of the same name gets a number.

    Args:
        files: a file named twice gets one folder.
        root: below which all folders are.
        inside: of some files, the folder below `root` in which their own folders are.
    """
    inside = inside or {}
    taken: set[str] = set()
    chosen: dict[Path, Path] = {}
    seen: set[Path] = set()
    names = {str(_place(path, inside)).casefold() for path in files}
    for path in files:
        if real(path) in seen:
            continue
        seen.add(real(path))
        first, number = _place(path, inside), 2
        place = first
        while (name := str(place).casefold()) in taken or (number > 2 and name in names):
            place, number = first.with_name(f"{first.name}-{number}"), number + 1
        taken.add(name)
        chosen[path] = root / place
    return chosen


def _place(path: Path, inside: Mapping[Path, Path]) -> Path:
    """Where the folder of a file is, below the root."""
    above = [folder_name(part) for part in inside.get(path, Path()).parts]
    return Path(*above, folder_name(path.stem))


def folder_name(name: str) -> str:
    """A name as one that a folder can have on every system.

    A name of dots would lead out of the output folder; Windows has no names that end in a dot or
    space, and none that are those of its devices.
    """
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
def new_files(
    folder: Path, outputs: Sequence[Path], *, overwrite: bool, left_out: Collection[Path] = ()
) -> Iterator[list[Path]]:
    """Temporary files for all outputs, renamed when the block ends well and removed when not.

    A folder that was made for nothing goes too. Outputs in `left_out` at the end do not appear.
    """
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        with atomic_writes(outputs, replace=overwrite, left_out=left_out) as temporary:
            yield temporary
        if all(file in left_out for file in outputs):
            _remove_empty(missing)
    except BaseException:
        _remove_empty(missing)
        raise


def _remove_empty(folders: Sequence[Path]) -> None:
    for part in folders:
        with contextlib.suppress(OSError):  # not empty: it holds another file's stems
            part.rmdir()
