"""What a parser may do while it reads: write nothing beside its folder, and ask nobody."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS = {  # audit event → which of its arguments are paths that it changes
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.chmod"), (0,)),
    **dict.fromkeys(("os.chown", "os.utime", "shutil.rmtree"), (0,)),
    **dict.fromkeys(("os.rename", "shutil.move"), (0, 1)),
    **dict.fromkeys(("os.link", "os.symlink", "shutil.copyfile"), (1,)),
}
ASKS = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "os.system")
_allowed: list[str] = []


class BeyondError(BaseException):
    """A parser did what it may not; no handler of errors takes it for one."""


@contextmanager
def confined(folder: Path) -> Iterator[None]:
    """A context in which writing beside a folder, and opening a connection, raises BeyondError.

    Python's own files may be written: compiled modules. Programs that are started, and libraries in
    C that open files themselves, are not seen.

    Args:
        folder: temporary files go there, too.
    """
    _watch()
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    _allowed.append(os.path.realpath(folder) + os.sep)
    try:
        yield
    finally:
        _allowed.pop()
        tempfile.tempdir = before


def _watch(watching: list[bool] = []) -> None:  # noqa: B006 — once a process: a hook stays
    if not watching:
        watching.append(True)
        sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _allowed:
        return
    if event in ASKS:
        raise BeyondError(f"{event} {arguments[1:]!r}")
    if event == "open" and (arguments[2] or 0) & WRITES:
        _check(event, arguments[0])
    if event.startswith("os.") and arguments[-1] not in (None, -1):
        return  # within a folder that is open, and was seen
    for place in PATHS.get(event, ()):
        _check(event, arguments[place])


def _check(event: str, path: Any) -> None:
    if isinstance(path, int) or path is None:
        return
    real = os.path.realpath(os.fsdecode(path))
    if (
        not (real + os.sep).startswith(_allowed[-1])
        and real != os.devnull
        and "__pycache__" not in real
    ):
        raise BeyondError(f"{event} of {real}")
