"""Files that appear whole or not at all; temporary files of dead processes are removed.

A file is written under a temporary name, flushed to the disk, and renamed when it is complete: a
loss of power, too, leaves the old file or the new one. While that lasts, its writer holds a lock on
it: the system's own (`flock`), which ends with the process however it ends. So a temporary file
without a lock is what a killed writer has left, and the next one to write into the folder removes
it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from timbresep.errors import OutputError, OutputExistsError
from timbresep.file_locks import (
    TakenError,
    close_file,
    in_folder,
    is_open_at,
    lock_file,
    open_locked,
)

_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
_TEMPORARY = re.compile(r"(?s)\..*-(?P<host>[0-9a-f]{8})-[a-z0-9_]{8}\.part(\..*)?")
_STALE = 2 * 24 * 3600.0
"""Seconds after which another machine's temporary file is a dead writer's."""


@contextmanager
def atomic_write(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place on success, remove it on failure.

    A reader sees either the old file or the whole new one, never half of it. Arguments and errors
    are those of `atomic_writes`.
    """
    with atomic_writes([path], replace=replace) as (temporary,):
        yield temporary


@contextmanager
def atomic_writes(
    paths: Sequence[Path], *, replace: bool = True, left_out: Collection[Path] = ()
) -> Iterator[list[Path]]:
    """As `atomic_write`, for several files that appear together: when all are complete.

    Args:
        paths: the files.
        replace: whether files that are there, or that appear meanwhile, are replaced. Where not,
            and one is there, none is written.
        left_out: those of them that are not to appear; read when all are complete.

    Raises:
        OutputExistsError: a file is there, and may not be replaced.
        OutputError: the file system refuses it (disk full, no permission...).
    """
    temporaries: list[Path] = []
    path = paths[0] if paths else Path()  # the one at work, for the message
    inside = False
    with contextlib.ExitStack() as stack:
        try:
            for path in paths:
                temporaries.append(stack.enter_context(temporary_beside(path)))
            inside = True
            yield temporaries
            inside = False
            whole = [(t, p) for t, p in zip(temporaries, paths, strict=True) if p not in left_out]
            for temporary, path in whole:
                _flush(temporary, path)
            placed: list[Path] = []
            try:
                for temporary, path in whole:
                    _place(temporary, path, replace=replace)
                    placed.append(path)
            except BaseException:
                for path in () if replace else placed:  # those that were not there before
                    path.unlink(missing_ok=True)
                raise
            for folder in {path.parent for _, path in whole}:
                _flush_names(folder)
        except OSError as error:
            if inside and not _of_writing(error, path.parent):
                raise
            raise refusal(path, error) from error


def write_bytes(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file; arguments and errors otherwise as `atomic_write`."""
    with atomic_write(path, replace=replace) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a text in UTF-8; arguments and errors otherwise as `atomic_write`."""
    write_bytes(path, text.encode(), replace=replace)


def write_json(path: Path, data: object, *, replace: bool = True) -> None:
    """Write what JSON can hold, indented; arguments and errors otherwise as `atomic_write`."""
    write_text(path, json.dumps(data, indent=2) + "\n", replace=replace)


def sha256_of(*paths: Path) -> str:
    """SHA-256 of a file's bytes, or of several files' bytes one after the other, in hexadecimal.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def refusal(path: Path, error: OSError) -> OutputError:
    """What to say when the file system refuses to write."""
    return OutputError(
        f"cannot write {path}: {error.strerror or error}",
        "check the folder's permissions and the free space",
    )


def _of_writing(error: OSError, folder: Path) -> bool:
    """Whether an error is about writing there: not about a file elsewhere, nor a closed pipe."""
    if isinstance(error.filename, (str, os.PathLike)):
        return Path(error.filename).parent == folder
    return not isinstance(error, ConnectionError)


def sweep(folder: Path, *, below: bool = False) -> None:
    """Remove the temporary files of dead processes.

    A lock shows that a process of this machine is alive. Another machine's lock may not be visible
    (a network file system may keep locks local), so its file must also be days old.

    Args:
        folder: where to look.
        below: look into its folders too, and remove those that held nothing else.
    """
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.name, below and entry.is_dir(follow_symlinks=False)) for entry in entries
            ]
    except OSError:
        return
    for name, is_folder in found:
        if is_folder:
            _sweep_folder(folder / name)
        elif match := _TEMPORARY.fullmatch(name):
            with contextlib.suppress(OSError):  # gone meanwhile, or another user's
                _remove_if_dead(folder / name, ours=match["host"] == _HOST)


def _sweep_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if any(_TEMPORARY.fullmatch(name) for name in os.listdir(folder)):  # noqa: PTH208
            sweep(folder)
            folder.rmdir()  # unless something else is in it


def _remove_if_dead(path: Path, *, ours: bool) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        locked = lock_file(handle)
        age = time.time() - os.fstat(handle).st_mtime
        if (locked and ours) or (locked is not False and age > _STALE):
            path.unlink()
    finally:
        close_file(handle)


@contextmanager
def claim(folder: Path, names: Sequence[str] = ()) -> Iterator[None]:
    """Be the only run that writes into a folder.

    It is made if it is missing, and goes again if nothing was put there. The claim ends with the
    process, however it ends: nothing is to be cleaned up after a killed run.

    Args:
        folder: the run's.
        names: files that none but its run writes. Hidden temporary files of these are a dead
            run's, of whatever version, and are removed.

    Raises:
        OutputError: another run has it, or the file system refuses to write there.
    """
    made = [part for part in (folder, *folder.parents) if not part.exists()]
    lock = folder / ".lock"
    with contextlib.ExitStack() as stack:
        stack.callback(_remove_empty, made)
        try:
            handle = in_folder(folder, lambda: open_locked(lock))
        except TakenError as taken:
            raise OutputError(
                f"{folder} is at work in another run{taken.owner and f' ({taken.owner})'}",
                "wait until that ends, or choose another folder",
            ) from taken
        except OSError as error:
            raise refusal(folder, error) from error
        stack.callback(close_file, handle)
        stack.callback(_give_up, lock)  # before it is let go: see `open_locked`
        sweep(folder)
        for name in map(Path, names):
            for left in folder.glob(f".{name.stem}-*{name.suffix}"):
                left.unlink(missing_ok=True)
        yield


def _give_up(lock: Path) -> None:
    with contextlib.suppress(OSError):  # a disk that is gone: its error is told already
        lock.unlink()


def _remove_empty(folders: Sequence[Path]) -> None:
    with contextlib.suppress(OSError):  # not empty: something was put there
        for folder in folders:
            folder.rmdir()


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A new file beside `path`, locked; its name is short, as that of `path` may be the longest.

    The lock is on the file itself: one that is renamed to its name has none, and is swept.
    """
    sweep(path.parent)
    prefix, suffix = f".{path.stem[:24]}-{_HOST}-", f".part{path.suffix[:24]}"
    make = partial(tempfile.mkstemp, suffix, prefix, path.parent)
    while True:
        handle, name = in_folder(path.parent, make)
        temporary = Path(name)
        if lock_file(handle) is not False and is_open_at(handle, temporary):
            break
        close_file(handle)  # swept in the moment before it was locked
    if sys.platform == "win32":  # where an open file cannot be renamed
        close_file(handle)
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):  # a disk that is gone: the next run sweeps
            temporary.unlink(missing_ok=True)
        if sys.platform != "win32":
            close_file(handle)


def _flush(temporary: Path, path: Path) -> None:
    """Have a file's bytes on the disk; a disk that took them and cannot keep them says so here."""
    handle = os.open(temporary, os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        os.close(handle)


def _flush_names(folder: Path) -> None:
    """Have the names of a folder's files on the disk, where the system can do that."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # a file system that cannot; the files are there
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _place(temporary: Path, path: Path, *, replace: bool) -> None:
    """Give a finished file its name."""
    mode = path.stat().st_mode & 0o777 if replace and path.exists() else 0o666 & ~_umask()
    temporary.chmod(mode)
    if replace:
        temporary.replace(path)
        return
    try:
        try:
            os.link(temporary, path, follow_symlinks=False)  # unlike renaming, never replaces
        except FileExistsError:
            raise
        except OSError:  # a file system without links: first take the name, then put it there
            path.open("xb").close()
            temporary.replace(path)
    except FileExistsError as error:
        raise OutputExistsError(
            f"{path} is there: it appeared meanwhile",
            "use --overwrite to replace it, or choose another name",
        ) from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
