"""The file that is separated: stems of half an old one and half a new one help nobody."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from timbresep.errors import AudioError


def state_of(path: Path) -> str:
    """A file's size in bytes, and when it was changed: hashing a library would take hours.

    Raises:
        OSError: the file cannot be read.
    """
    about = path.stat()
    return f"{about.st_size}@{about.st_mtime_ns}"


@contextlib.contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Within, a file is read. One that is removed meanwhile was open, and is read to its end.

    Raises:
        AudioError: it changed meanwhile.
    """
    before = state_of(path)
    yield
    with contextlib.suppress(FileNotFoundError):
        if state_of(path) != before:
            raise AudioError(
                f"{path} changed while it was read; nothing of it is written",
                hint="separate it again when it is complete",
            )
