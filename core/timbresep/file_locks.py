"""Locks on open files: the system's own (`flock`), which end with the process however it ends."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

if sys.platform != "win32":
    import fcntl

Made = TypeVar("Made")
TRIES = 100
"""How often a folder is made again at most, when others remove it while it is empty."""

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)

_locks: set[int] = set()
"""Descriptors that hold locks; a forked process closes its copies, or it would hold them too."""


class TakenError(Exception):
    """Another process has locked a file.

    Attributes:
        owner: what it wrote there of itself.
    """

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


def lock_file(handle: int) -> bool | None:
    """Lock an open file: whether it is ours now, or None where the system cannot tell."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    _locks.add(handle)
    return True


def close_file(handle: int) -> None:
    """Close an open file, which gives up its lock; also on a disk that is gone."""
    _locks.discard(handle)
    with contextlib.suppress(OSError):
        os.close(handle)


def _close_copies() -> None:
    for handle in _locks:
        os.close(handle)
    _locks.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_close_copies)


def is_open_at(handle: int, path: Path) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def open_locked(path: Path) -> int:
    """Open a file, make it if it is missing, and lock it; it holds who did.

    Raises:
        TakenError: another process has locked it.
        OSError: it cannot be opened, or is a link to another file.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINKS, 0o666)
        if lock_file(handle) is False:
            owner = os.read(handle, 300).decode(errors="replace")
            os.close(handle)
            raise TakenError(owner)
        if is_open_at(handle, path):
            break
        close_file(handle)  # its owner has just removed it
    os.ftruncate(handle, 0)
    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return handle


def in_folder(folder: Path, make: Callable[[], Made]) -> Made:
    """Make a folder if it is missing, and something in it.

    A run that ends removes folders that are empty: also one that another has just made.

    Args:
        folder: the folder.
        make: makes something in it.

    Raises:
        OSError: either cannot be made.
    """
    for _ in range(TRIES):
        with contextlib.suppress(FileNotFoundError):
            folder.mkdir(parents=True, exist_ok=True)
            return make()
    folder.mkdir(parents=True, exist_ok=True)
    return make()
