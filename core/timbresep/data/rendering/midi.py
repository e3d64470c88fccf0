"""A performance of one voice, in seconds, and its Standard MIDI File."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

TICKS_PER_SECOND = 960  # 480 ticks a quarter at 120 quarters a minute
EXPRESSION, MODULATION, BANK = 11, 1, 0
PARAMETER_LOW, PARAMETER_HIGH, VALUE_HIGH, VALUE_LOW = 100, 101, 6, 38
PERCUSSION_CHANNEL = 9  # General MIDI's channel 10, counted from 0: keys are sounds of a kit


@dataclass(frozen=True)
class Event:
    """One sounding note: `start` and `duration` in seconds, `midi` pitch, `velocity` 1–127."""

    start: float
    duration: float
    midi: int
    velocity: int

    @property
    def end(self) -> float:
        """Second at which the key is released."""
        return self.start + self.duration


@dataclass(frozen=True)
class Control:
    """A controller change: `time` in seconds, MIDI controller `number`, `value` 0–127."""

    time: float
    number: int
    value: int


def tuning(cents: float) -> list[Control]:
    """Controller changes that put a channel out of tune, by less than a semitone.

    They have a tick each, for their order counts.

    Source: MIDI 1.0, registered parameter 1, channel fine tuning.
    """
    value = round(8192 + 8191 * cents / 100)
    changes = [(PARAMETER_HIGH, 0), (PARAMETER_LOW, 1), (VALUE_HIGH, value >> 7)]
    changes.append((VALUE_LOW, value & 0x7F))
    return [
        Control(tick / TICKS_PER_SECOND, number, value)
        for tick, (number, value) in enumerate(changes)
    ]


def midi_file(
    events: Sequence[Event],
    controls: Sequence[Control],
    program: int,
    bank: int,
    length: float,
    *,
    channel: int = 0,
) -> bytes:
    """A type-0 Standard MIDI File of one channel.

    Args:
        events: the notes.
        controls: controller changes.
        program: General MIDI program, 0–127.
        bank: bank number, 0–127 (controller 0).
        length: length in seconds; the file ends there, so that releases are rendered.
        channel: 0 to 15; on `PERCUSSION_CHANNEL` programs are kits, and `bank` is not used.
    Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, 1996).
    """
    messages: list[tuple[int, int, bytes]] = []
    for control in controls:
        messages.append(
            (_ticks(control.time), 1, bytes([0xB0 | channel, control.number, control.value]))
        )
    for event in events:
        messages.append(
            (_ticks(event.start), 2, bytes([0x90 | channel, event.midi, event.velocity]))
        )
        messages.append((_ticks(event.end), 0, bytes([0x80 | channel, event.midi, 0])))
    track = b"\x00\xff\x51\x03" + (500_000).to_bytes(3, "big")
    track += b"\x00" + bytes([0xB0 | channel, BANK, bank])
    track += b"\x00" + bytes([0xC0 | channel, program])
    now = 0
    for tick, _, message in sorted(messages):
        track += _variable_length(tick - now) + message
        now = tick
    track += _variable_length(max(0, _ticks(length) - now)) + b"\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


def _ticks(seconds: float) -> int:
    return max(0, round(seconds * TICKS_PER_SECOND))


def _variable_length(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | (value & 0x7F))
    return bytes(reversed(groups))
