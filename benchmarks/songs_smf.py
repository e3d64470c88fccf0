"""Standard MIDI Files as events in time, and back.

Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, 1996).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from timbresep.errors import DataError

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM = 0x80, 0x90, 0xB0, 0xC0
META, SYSEX = 0xFF, (0xF0, 0xF7)
ALL_SOUND_OFF = 120
TEMPO = 0x51
_ONE_BYTE = (0xC0, 0xD0)  # kinds of messages with a single byte of data
QUARTER_S = 0.5  # a quarter note, until a tempo is set


@dataclass(frozen=True)
class Message:
    """A channel's message, or a change of tempo.

    Attributes:
        tick, second: when.
        data: its bytes, with the status; of a tempo the whole event.
    """

    tick: int
    second: float
    data: bytes

    @property
    def kind(self) -> int:
        """Its status without the channel."""
        return self.data[0] if self.data[0] == META else self.data[0] & 0xF0

    @property
    def channel(self) -> int:
        """Counted from 0."""
        return self.data[0] & 0x0F


def read(path: Path) -> tuple[int, list[Message]]:
    """Ticks a quarter note, and all tracks' messages in order of time.

    Raises:
        DataError: it is no MIDI file with ticks a quarter note.
    """
    data = path.read_bytes()
    if data[:4] != b"MThd" or data[12] & 0x80:
        raise DataError(f"{path}: no MIDI file with ticks a quarter note")
    ticks = int.from_bytes(data[12:14], "big")
    found: list[tuple[int, bytes]] = []
    at = 8 + int.from_bytes(data[4:8], "big")
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"MTrk":
            found += _events(data[at + 8 : at + 8 + size])
        at += 8 + size
    return ticks, _timed(sorted(found, key=lambda event: event[0]), ticks)


def _events(track: bytes) -> Iterator[tuple[int, bytes]]:
    """The tick and bytes of each message of a track."""
    at = tick = status = 0
    while at < len(track):
        delta, at = _length(track, at)
        tick += delta
        first = track[at]
        if first == META or first in SYSEX:
            start, kind = at, track[at + 1]
            size, at = _length(track, at + (2 if first == META else 1))
            at += size
            if first == META and kind == TEMPO:
                yield tick, track[start:at]
            continue
        if first & 0x80:
            status, at = first, at + 1
        end = at + (1 if status & 0xF0 in _ONE_BYTE else 2)
        yield tick, bytes([status]) + track[at:end]
        at = end


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and the place after it."""
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def _timed(events: Sequence[tuple[int, bytes]], ticks: int) -> list[Message]:
    quarter, second, last = QUARTER_S, 0.0, 0
    found = []
    for tick, data in events:
        second += (tick - last) / ticks * quarter
        last = tick
        found.append(Message(tick, second, data))
        if data[0] == META:
            quarter = int.from_bytes(data[-3:], "big") / 1e6
    return found


def written(ticks: int, events: Sequence[tuple[int, bytes]]) -> bytes:
    """A file of one track.

    Args:
        ticks: in a quarter note.
        events: ticks and bytes, in order.
    """
    track, last = b"", 0
    for tick, data in events:
        track += _variable(tick - last) + data
        last = tick
    track += b"\x00\xff\x2f\x00"
    return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, ticks, b"MTrk", len(track)) + track


def _variable(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | value & 0x7F)
    return bytes(reversed(groups))
