"""WAV and its large relatives (RIFF, RIFX, RF64, BW64): where the audio is, whatever sizes say."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

from timbresep.audio.reading import mpeg
from timbresep.audio.reading.pieces import Data, Piece
from timbresep.audio.reading.plan import Plan
from timbresep.audio.reading.promise import among_chunks, unknown

_MPEG_TAGS = (0x50, 0x55)
_LARGEST = 2**32 - 2**20


def plan(data: Data, path: Path, start: int) -> Plan:
    """Where the audio of the WAV at byte ``start`` is.

    A header that is wrong, or that libsndfile doesn't know (BW64), is replaced by one that is
    right; so is that of a file beyond 4 GiB, by RF64.

    Raises:
        AudioError: the file is cut short.
    """
    form, stop = data[start : start + 4], len(data)
    order = ">" if form == b"RIFX" else "<"
    large, wide, tag = form in (b"RF64", b"BW64"), (0, 0), 0
    at, kept = start + 12, start + 12
    pieces: list[Piece] = []
    while at + 8 <= stop:
        name, (size,) = data[at : at + 4], struct.unpack(order + "I", data[at + 4 : at + 8])
        if name == b"data":
            break
        if name == b"ds64" and at + 24 <= stop:
            outer, promised = struct.unpack("<QQ", data[at + 8 : at + 24])
            wide = promised, outer
            pieces += [(kept, at - kept)] if at > kept else []
            kept = at + 8 + size + size % 2
        if name == b"fmt " and at + 10 <= stop:
            (tag,) = struct.unpack(order + "H", data[at + 8 : at + 10])
        at += 8 + size + size % 2
    else:
        return Plan(name="WAV")  # no audio in it: libsndfile says what is wrong
    begin = at + 8
    (outer,) = struct.unpack(order + "I", data[start + 4 : start + 8])
    promised = size
    if large and size in (0, 2**32 - 1):
        promised, outer = wide
    end = None if outer == 0 or unknown(outer) else start + 8 + outer
    found = among_chunks(
        path, begin, promised, stop, outer=end, follows=lambda at: _follows(data, at, order)
    )
    notes = (found.note,) if found.note else ()
    if tag in _MPEG_TAGS and (inside := mpeg.plan(data[begin : begin + found.length], path, 0)):
        return replace(inside, parts=(_moved(inside.parts[0], begin),), notes=notes + inside.notes)
    known = promised == found.length or (not large and promised > stop - begin)
    if form != b"BW64" and known:
        return Plan(name="WAV", notes=notes)
    pieces += [(kept, at - kept)] if at > kept else []
    pieces.append(b"data" + struct.pack(order + "I", min(found.length, 2**32 - 1)))
    pieces.append((begin, found.length))
    inner = 4 + sum(len(piece) if isinstance(piece, bytes) else piece[1] for piece in pieces)
    if inner < _LARGEST:
        head = (b"RIFX" if order == ">" else b"RIFF") + struct.pack(order + "I", inner) + b"WAVE"
    else:
        sizes = struct.pack("<IQQQI", 28, inner + 36, found.length, 0, 0)
        head = b"RF64\xff\xff\xff\xffWAVEds64" + sizes
        pieces[-2] = b"data\xff\xff\xff\xff"
    return Plan(((head, *pieces),), name="WAV", notes=notes)


def _moved(pieces: tuple[Piece, ...], by: int) -> tuple[Piece, ...]:
    return tuple(p if isinstance(p, bytes) else (p[0] + by, p[1]) for p in pieces)


def _follows(data: Data, at: int, order: str) -> bool:
    """Whether nothing but chunks lies from a byte to the end of the file, the last maybe cut."""
    stop = len(data)
    while at + 8 <= stop:
        name = data[at : at + 4]
        if not (name.isascii() and name.decode("ascii").isprintable() and not name.isspace()):
            return False
        (size,) = struct.unpack(order + "I", data[at + 4 : at + 8])
        if at + 8 + size > stop and name not in (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML"):
            return False
        at += 8 + size + size % 2
    return at >= stop - 1
