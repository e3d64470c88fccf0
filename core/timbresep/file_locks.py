"""Locks on open files: the system's own (`flock`), which end with the process however it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_locks: set[int] = set()
"""Descriptors that hold locks; a forked process closes its copies, or it would hold them too."""


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
