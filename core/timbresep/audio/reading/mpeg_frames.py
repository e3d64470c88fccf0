"""The frames of MPEG audio (MP3, MP2): found, measured and walked, without decoding them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from timbresep.audio.reading.pieces import Data
from timbresep.errors import AudioError

SEARCHED = 2**20
"""Bytes in which the first frame is looked for."""

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True)
class Header:
    """The four bytes that begin every frame; ``version`` is 1, or 2 for the low sample rates."""

    version: int
    layer: int
    rate: int
    kbps: int  # 0 in the free format
    padding: int
    mono: bool

    @classmethod
    def read(cls, data: bytes) -> Header | None:
        """The header, None for bytes that are none."""
        if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
            return None
        family, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
        bitrate, rate = data[2] >> 4, data[2] >> 2 & 3
        if family == 1 or layer == 4 or bitrate == 15 or rate == 3:
            return None
        version = 1 if family == 3 else 2
        kbps = _KBPS[version, layer][bitrate - 1] if bitrate else 0
        mono = data[3] >> 6 == 3
        return cls(version, layer, _RATES[family][rate], kbps, data[2] >> 1 & 1, mono)

    @property
    def samples(self) -> int:
        """Samples of a frame."""
        return 384 if self.layer == 1 else 576 if self.layer == 3 and self.version == 2 else 1152

    @property
    def side(self) -> int:
        """Bytes of side information, after which a count may stand in place of sound."""
        if self.version == 1:
            return 17 if self.mono else 32
        return 9 if self.mono else 17

    @property
    def bytes(self) -> int:
        """Length of a frame in bytes; 0 in the free format."""
        if self.layer == 1:
            return (12_000 * self.kbps // self.rate + self.padding * bool(self.kbps)) * 4
        whole = self.samples // 8 * 1000 * self.kbps // self.rate
        return whole + self.padding * bool(self.kbps)

    def same_stream(self, other: Header | None) -> bool:
        """Whether both can be frames of one stream."""
        return other is not None and (self.version, self.layer, self.rate, self.mono) == (
            (other.version, other.layer, other.rate, other.mono)
        )

    def __str__(self) -> str:
        return f"{self.rate} Hz {'mono' if self.mono else 'stereo'}"


@dataclass
class Frames:
    """The frames of a file: stretches (begin, end) of frames that follow each other."""

    first: Header
    stretches: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0
    damage: int = 0  # bytes between frames that belong to nothing
    damaged_at: int = 0  # frames before the first of them


def first_frame(data: Data, start: int, *, search: bool) -> int | None:
    """Where the first frame is: three in a row, or fewer that end where the file ends."""
    limit = min(len(data), start + (SEARCHED if search else 2))
    for match in re.compile(rb"\xff[\xe2-\xff]").finditer(data, start, limit):
        at = match.start()
        if (first := Header.read(data[at : at + 4])) is None:
            continue
        sizes = _Sizes(data, first, at)
        position, row = at, 0
        while row < 3 and (size := sizes.at(position)) and position + size <= len(data):
            position, row = position + size, row + 1
        if row == 3 or (row and at == start and _tag(data, position) is not None):
            return at
    return None


class _Sizes:
    """Sizes of a stream's frames by their position; fast, since an hour has 140,000 of them."""

    def __init__(self, data: Data, first: Header, at: int) -> None:
        self._data = data
        self._second = data[at + 1] | 1  # but for the bit that tells of a checksum
        self._mono = first.mono
        self._sizes = []
        free = 0 if first.kbps else _free_size(data, at)
        for third in range(256):
            header = Header.read(bytes((0xFF, self._second, third, data[at + 3])))
            size = 0
            if header is not None and first.same_stream(header):
                size = header.bytes if header.kbps else free and free + header.padding
            self._sizes.append(size)

    def at(self, position: int) -> int:
        """The size of the frame there in bytes, 0 if there is none."""
        head = self._data[position : position + 4]
        if len(head) < 4 or head[0] != 0xFF or head[1] | 1 != self._second:
            return 0
        return self._sizes[head[2]] if (head[3] >> 6 == 3) == self._mono else 0


def _free_size(data: Data, at: int) -> int:
    """Size of an unpadded frame of the free format: the distance to the next two; 0 if none."""
    head = data[at : at + 3]
    plain = bytes((head[0], head[1], head[2] & ~2))
    padded = bytes((head[0], head[1], head[2] | 2))
    own = head[2] >> 1 & 1
    pattern = re.compile(b"|".join(map(re.escape, (plain, padded))))
    for match in pattern.finditer(data, at + 24, at + 8192):
        size = match.start() - at - own
        next_at = match.start() + size + (data[match.start() + 2] >> 1 & 1)
        if pattern.match(data, next_at):
            return size
    return 0


def walk(data: Data, path: Path, begin: int) -> Frames:
    """Go from frame to frame to the end of the file.

    Raises:
        AudioError: the stream changes its rate or channels.
    """
    first = Header.read(data[begin : begin + 4])
    assert first is not None  # noqa: S101 - found by `first_frame`
    frames = Frames(first)
    sizes = _Sizes(data, first, begin)
    sync = re.compile(
        b"\xff[" + re.escape(bytes((data[begin + 1] & ~1, data[begin + 1] | 1))) + b"]"
    )
    end, at = len(data), begin
    while True:
        start = at
        while (size := sizes.at(at)) and at + size <= end:
            at += size
            frames.count += 1
        if at > start:
            frames.stretches.append((start, at))
        if at >= end or size:  # nothing follows, or a last frame that is not whole
            return frames
        tag = _tag(data, at)
        if tag is None:
            other = Header.read(data[at : at + 4])
            if other and other.bytes and not first.same_stream(other):
                following = Header.read(data[at + other.bytes : at + other.bytes + 4])
                if other.same_stream(following):
                    raise AudioError(
                        f"{path}: changes from {first} to {other} after "
                        f"{frames.count * first.samples / first.rate:.3f} s",
                        hint="cut it there into files of one kind",
                    )
            tag = _resync(data, sizes, sync, at + 1)
            if tag == end:
                return frames
            if not frames.damage:
                frames.damaged_at = frames.count
            frames.damage += tag - at
        at = tag


def _resync(data: Data, sizes: _Sizes, sync: re.Pattern[bytes], at: int) -> int:
    """Where frames go on, two in a row; the end of the file when they do not."""
    for match in sync.finditer(data, at):
        found = match.start()
        if (size := sizes.at(found)) and sizes.at(found + size):
            return found
    return len(data)


def _tag(data: Data, at: int) -> int | None:
    """Where a tag that starts here ends; the end of the file is one; None if there is no tag."""
    head = data[at : at + 16]
    if not head:
        return len(data)
    if head.startswith(b"TAG"):
        return min(len(data), at + 128)
    if size := id3_size(head):
        return min(len(data), at + size)
    if head.startswith(b"APETAGEX") and len(head) == 16:
        return min(len(data), at + 32 + int.from_bytes(head[12:16], "little"))
    return None


def id3_size(head: bytes) -> int:
    """Length in bytes of the ID3v2 tag that begins with ``head``; 0 if it is none."""
    if head[:3] != b"ID3" or len(head) < 10 or max(head[6:10]) > 127:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)
