"""A corrected view of a file: stretches of it, with other bytes before or between them.

Decoders read it as a file. So a wrong header is corrected, and a tag left out, without a copy.
"""

from __future__ import annotations

import io
import mmap
import os
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Data = mmap.mmap | bytes
"""The bytes of a file."""

Piece = bytes | tuple[int, int]
"""Bytes as they are, or (offset, length) of a stretch of the file."""


class Pieces(io.RawIOBase):
    """A binary file for reading, made of pieces.

    Args:
        path: the file that stretches are taken from.
        pieces: in their order.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._pieces = pieces
        self._starts = [0]
        for piece in pieces:
            length = len(piece) if isinstance(piece, bytes) else piece[1]
            self._starts.append(self._starts[-1] + length)
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move as `io.IOBase.seek` does."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there are bytes."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._at < self._starts[-1]:
            index = bisect_right(self._starts, self._at) - 1
            inside = self._at - self._starts[index]
            count = min(len(view) - done, self._starts[index + 1] - self._at)
            piece = self._pieces[index]
            if isinstance(piece, bytes):
                view[done : done + count] = piece[inside : inside + count]
            else:
                self._file.seek(piece[0] + inside)
                count = self._file.readinto(view[done : done + count])
                if count == 0:  # the file became shorter while it was read
                    break
            self._at += count
            done += count
        return done

    def close(self) -> None:
        """Close the file beneath."""
        self._file.close()
        super().close()
