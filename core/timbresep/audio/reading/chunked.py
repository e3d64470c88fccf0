"""AIFF, AU, CAF, W64 and older formats: whether all the audio that a header promises is there."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from timbresep.audio.reading.pieces import Data, Piece
from timbresep.audio.reading.plan import Plan
from timbresep.audio.reading.promise import left_over, unknown, whole

_W64_DATA = b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a")
_PLAIN = (b"NONE", b"twos", b"sowt", b"raw ", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64")


def form(data: Data, path: Path, start: int) -> Plan:
    """AIFF, AIFC and 8SVX: chunks in big-endian order; errors as `promise.whole`."""
    stop, at, counted = len(data), start + 12, 0
    while at + 8 <= stop:
        name, (size,) = data[at : at + 4], struct.unpack(">I", data[at + 4 : at + 8])
        if name == b"COMM" and at + 26 <= stop:
            channels, frames, bits = struct.unpack(">HIH", data[at + 8 : at + 16])
            plain = data[start + 8 : start + 12] == b"AIFF" or data[at + 26 : at + 30] in _PLAIN
            counted = frames * channels * (-(-bits // 8)) if plain and not unknown(frames) else 0
        if name in (b"SSND", b"BODY"):
            head = 8 if name == b"SSND" else 0  # an offset and a block size come first
            begin = at + 8 + head
            found = whole(path, begin, max(0, size - head), stop)
            if size > head and found.length < counted <= stop - begin:
                note = f"{path}: its header tells two lengths; the longer one was read"
                mended = struct.pack(">I", counted + head)
                return Plan((_patched(data, start, at + 4, mended),), notes=(note,))
            return Plan(notes=(found.note,) if found.note else ())
        at += 8 + size + size % 2
    return Plan()


def au(data: Data, path: Path, start: int) -> Plan:
    """AU of either byte order; errors as `promise.whole`."""
    order = ">" if data[start : start + 4] == b".snd" else "<"
    offset, size = struct.unpack(order + "II", data[start + 4 : start + 12].ljust(8, b"\0"))
    found = left_over(path, whole(path, start + offset, size, len(data)), len(data))
    notes = (found.note,) if found.note else ()
    if size or not found.length:
        return Plan(notes=notes)
    return Plan((_patched(data, start, start + 8, b"\xff\xff\xff\xff"),), notes=notes)


def caf(data: Data, path: Path, start: int) -> Plan:
    """CAF; its last chunk may leave its size open; errors as `promise.whole`."""
    stop, at = len(data), start + 8
    while at + 12 <= stop:
        name, (size,) = data[at : at + 4], struct.unpack(">q", data[at + 4 : at + 12])
        if name == b"data":
            found = whole(path, at + 12, max(0, size), stop)
            if not data[at + 12 + found.length :][:4].isalnum():  # no other chunk follows
                found = left_over(path, found, stop)
            notes = (found.note,) if found.note else ()
            if found.length == size:
                return Plan(notes=notes)
            mended = struct.pack(">q", found.length)
            return Plan((_patched(data, start, at + 4, mended),), notes=notes)
        if size < 0:
            break
        at += 12 + size
    return Plan()


def w64(data: Data, path: Path, start: int) -> Plan:
    """Sony Wave64; errors as `promise.whole`."""
    stop, at = len(data), start + 40
    while at + 24 <= stop:
        name, (size,) = data[at : at + 16], struct.unpack("<Q", data[at + 16 : at + 24])
        if name == _W64_DATA:
            found = whole(path, at + 24, max(0, size - 24), stop)
            return Plan(notes=(found.note,) if found.note else ())
        if size < 24:
            break
        at += -(-size // 8) * 8  # chunks begin at multiples of 8
    return Plan()


def voc(data: Data, path: Path, start: int) -> Plan:
    """Creative Voice: blocks of 2²⁴ bytes at most; errors as `promise.whole`."""
    (at,) = struct.unpack("<H", data[start + 20 : start + 22].ljust(2, b"\0"))
    at += start
    while at + 4 <= len(data) and data[at]:  # a zero ends the file
        size = int.from_bytes(data[at + 1 : at + 4], "little")
        if size:
            whole(path, at + 4, size, len(data))
        at += 4 + size
    return Plan()


def nist(data: Data, path: Path, start: int) -> Plan:
    """NIST SPHERE, whose header is text; errors as `promise.whole`."""
    text = data[start : start + 1024].decode("latin-1")
    fields = {name: int(n) for name, n in re.findall(r"^(\w+) -i (\d{1,12})\s*$", text, re.M)}
    size = fields.get("sample_count", 0) * fields.get("channel_count", 1)
    begin = re.match(r"NIST_1A\n\s*(\d{1,6})\n", text)
    if begin is not None and "shorten" not in text:
        offset = start + int(begin[1])
        whole(path, offset, size * fields.get("sample_n_bytes", 1), len(data))
    return Plan()


def _patched(data: Data, start: int, at: int, new: bytes) -> tuple[Piece, ...]:
    """The file from ``start`` on, with other bytes at one place."""
    end = at + len(new)
    pieces: list[Piece] = [(start, at - start), new]
    return (*pieces, (end, len(data) - end)) if end < len(data) else tuple(pieces)
