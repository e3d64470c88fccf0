"""A disk that fails when it is told to: a FUSE file system over a folder.

It needs mfusepy (pip), libfuse (the system's) and the right to mount.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import time
from pathlib import Path

import mfusepy

STAYS_GONE = (errno.EIO, errno.EROFS)
"""With these errors nothing can be changed any more; a full disk still lets files be removed."""


class Passing(mfusepy.Operations):
    """Hands everything on to a folder, until its budget of bytes is used up."""

    def __init__(self, folder: Path, left: object, refusal: object, reads: object) -> None:
        self.folder, self.left, self.refusal, self.reads = folder, left, refusal, reads

    def _at(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def _spend(self, count: int, *, reading: bool) -> None:
        """Take bytes from the budget; an error when it is used up."""
        if self.left.value < 0 or bool(self.reads.value) != reading:
            if not reading and self.left.value < 0:
                self.left.value -= count  # below zero: counted, never refused
            return
        if count > self.left.value or self.left.value == 0:
            self.left.value = 0
            raise mfusepy.FuseOSError(self.refusal.value)
        self.left.value -= count

    def _may_change(self, *, removes: bool = False) -> None:
        if self.left.value or self.reads.value:
            return
        if not removes or self.refusal.value in STAYS_GONE:
            raise mfusepy.FuseOSError(self.refusal.value)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, object]:
        about = self._at(path).lstat()
        names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid")
        times = ("st_atime", "st_mtime", "st_ctime")
        return {name: getattr(about, name) for name in (*names, *times)}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]  # noqa: PTH208

    def access(self, path: str, amode: int) -> int:
        if not os.access(self._at(path), amode):
            raise mfusepy.FuseOSError(errno.EACCES)
        return 0

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags & ~os.O_APPEND)

    def create(self, path: str, mode: int, fi: object = None) -> int:
        self._may_change()
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._spend(size, reading=True)
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._spend(len(data), reading=False)
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self._at(path), length)
        return 0

    def flush(self, path: str, fh: int) -> int:
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self._may_change()
        self._at(path).mkdir(mode)
        return 0

    def rmdir(self, path: str) -> int:
        self._may_change(removes=True)
        self._at(path).rmdir()
        return 0

    def unlink(self, path: str) -> int:
        self._may_change(removes=True)
        self._at(path).unlink()
        return 0

    def rename(self, old: str, new: str) -> int:
        self._may_change(removes=True)
        self._at(old).rename(self._at(new))
        return 0

    def link(self, target: str, source: str) -> int:
        self._may_change()
        self._at(target).hardlink_to(self._at(source))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        self._at(path).chmod(mode)
        return 0

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> int:
        os.utime(self._at(path), times)
        return 0


class FaultyDisk:
    """A mounted disk.

    Args:
        folder: holds its files.
        mount: where it is seen.
    """

    def __init__(self, folder: Path, mount: Path) -> None:
        self.folder, self.mount = folder, mount
        self._left = multiprocessing.Value("q", -1)
        self._refusal = multiprocessing.Value("i", errno.EIO)
        self._reads = multiprocessing.Value("b", 0)
        self._plug_in()

    def _plug_in(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mount.mkdir(parents=True, exist_ok=True)
        disk = Passing(self.folder, self._left, self._refusal, self._reads)
        options = {"foreground": True, "nothreads": True}
        self._process = multiprocessing.get_context("fork").Process(
            target=mfusepy.FUSE, args=(disk, str(self.mount)), kwargs=options, daemon=True
        )
        self._process.start()
        while not self.mount.is_mount():
            time.sleep(0.05)

    def unplug(self) -> None:
        """What is open on it fails, until `mend`."""
        self._process.kill()
        self._process.join()

    def fail(self, code: int, after: int, *, reads: bool = False) -> None:
        """Refuse all writes (or reads) with an error number, after some bytes."""
        self._refusal.value, self._reads.value, self._left.value = code, reads, after

    def mend(self) -> int:
        """Fail no more; how many bytes were written since the last `mend`, if none was refused."""
        written = max(0, -1 - self._left.value)
        self._left.value = -1
        if not self._process.is_alive():
            subprocess.run(["umount", "-l", str(self.mount)], check=True)  # noqa: S607
            self._plug_in()
        return written

    def close(self) -> None:
        """Unmount."""
        subprocess.run(["umount", "-l", str(self.mount)], check=False)  # noqa: S607
        self._process.join(5)
