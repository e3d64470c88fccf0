"""FLAC: the last frame tells where it ends, whatever the header says of the length."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import soundfile

from timbresep.audio.reading.pieces import Data
from timbresep.audio.reading.plan import Plan
from timbresep.audio.writer import file_name
from timbresep.errors import AudioError

_TAILS = (2**18, 2**23)
"""Bytes at the end in which the last frame is looked for: enough nearly always, and always."""

_SIZES = {1: 192, **{k: 576 << (k - 2) for k in range(2, 6)}, **{k: 1 << k for k in range(8, 16)}}
_FIXED = 0  # in the bit that says whether frames are counted (of one size) or samples


def plan(data: Data, path: Path, start: int) -> Plan:
    """Tell libsndfile the length that the header leaves open or gets wrong.

    Raises:
        AudioError: the last frame comes before the end that the header tells.
    """
    information = start + 8  # after the mark and the head of the first block, STREAMINFO
    fields = data[information : information + 18]
    packed = int.from_bytes(fields[10:], "big")
    promised, rate = packed & (2**36 - 1), packed >> 44
    block = int.from_bytes(fields[:2], "big")
    totals = (_counted(data, max(start, len(data) - tail), block) for tail in _TAILS)
    total = next((total for total in totals if total is not None), None)
    if total is None and not promised:
        raise AudioError(
            f"{path}: does not tell its length, and no last frame was found",
            hint="the file is cut or corrupt; get a whole copy",
        )
    if total is None or total == promised or len(fields) < 18 or not rate:
        return Plan(name="FLAC")
    if total < promised:
        if _reaches(path, promised):  # no frame was recognised as the last one
            return Plan(name="FLAC")
        raise AudioError(
            f"{path}: cut short; its header says {promised / rate:.3f} s, "
            f"it holds {total / rate:.3f} s",
            hint="get a whole copy, or save it again to accept the part that is there",
        )
    at = information + 10
    mended = (packed - promised + total).to_bytes(8, "big")
    pieces = ((start, at - start), mended, (at + 8, len(data) - at - 8))
    said = (
        f"tells {promised / rate:.3f} s, it is longer" if promised else "does not tell its length"
    )
    note = f"{path}: its header {said}; all of it was read"
    return Plan((pieces,), name="FLAC", notes=(note,))


def _reaches(path: Path, samples: int) -> bool:
    """Whether so many samples can be decoded."""
    try:
        with soundfile.SoundFile(file_name(path)) as sound:
            sound.seek(samples - 1)
            return len(sound.read(1)) == 1
    except soundfile.LibsndfileError:
        return False


def _counted(data: Data, start: int, block: int) -> int | None:
    """Samples up to the end of the last frame; None if no frame is found.

    Args:
        data: of the file.
        start: where to begin to look.
        block: samples of every frame but the last one, where frames are counted.
    """
    ends: set[int] = {0}
    total: int | None = None
    for match in re.finditer(rb"\xff[\xf8\xf9]", data[start:]):
        at = start + match.start()
        if (found := _frame(data[at : at + 16])) is not None:
            first = found.number * block if found.counted else found.number
            if first in ends:  # it goes on where another ended: not by chance
                total = first + found.samples
            ends.add(first + found.samples)
    return total


class _Frame(NamedTuple):
    """A frame's head: whether frames are counted, or samples; its number, and its samples."""

    counted: bool
    number: int
    samples: int


def _frame(head: bytes) -> _Frame | None:
    """Read a frame's head; None if this is none."""
    head = head.ljust(16, b"\0")  # the last frame may be shorter, if it is silence
    if head[2] & 15 == 15 or head[3] & 1:
        return None
    code = head[4]
    extra = 0 if code < 0x80 else max(1, 8 - (code ^ 0xFF).bit_length()) - 1
    if extra > 6 or (0x80 <= code < 0xC0) or any(b >> 6 != 2 for b in head[5 : 5 + extra]):
        return None
    number = code if not extra else code & (0x3F >> extra)
    for byte in head[5 : 5 + extra]:
        number = number << 6 | byte & 0x3F
    at, size = 5 + extra, head[2] >> 4
    width = {6: 1, 7: 2}.get(size, 0)
    samples = int.from_bytes(head[at : at + width], "big") + 1 if width else _SIZES.get(size, 0)
    at += width + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if not samples or _checksum(head[:at]) != head[at]:
        return None
    return _Frame(head[1] & 1 == _FIXED, number, samples)


def _checksum(data: bytes) -> int:
    """CRC-8 with the polynomial x⁸ + x² + x + 1."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x107) if value & 0x80 else value << 1
    return value
