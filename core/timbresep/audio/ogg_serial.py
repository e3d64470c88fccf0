"""Ogg files that are the same from run to run: libsndfile draws a stream's number by chance."""

from __future__ import annotations

import zlib
from pathlib import Path

HEADER = 27  # bytes of a page before its table of segments
SERIAL = 1
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def renumber(path: Path) -> None:
    """Give the one stream of an Ogg file the number 1, in every page."""
    data = bytearray(path.read_bytes())
    at = 0
    while data[at : at + 4] == b"OggS":
        segments = data[at + HEADER : at + HEADER + data[at + 26]]
        end = at + HEADER + len(segments) + sum(segments)
        data[at + 14 : at + 18] = SERIAL.to_bytes(4, "little")
        data[at + 22 : at + 26] = bytes(4)  # the checksum is of a page without one
        data[at + 22 : at + 26] = _checksum(bytes(data[at:end])).to_bytes(4, "little")
        at = end
    path.write_bytes(data)


def _checksum(page: bytes) -> int:
    """CRC-32 as Ogg has it: zlib's, with the bits of every byte the other way round, from zero."""
    value = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)
