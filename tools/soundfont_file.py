"""Samples with key ranges and loops, written as a SoundFont 2 file.

Source: SoundFont Technical Specification 2.01 (E-mu Systems, 1998).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float64]

LEVEL = 10 ** (-20 / 20)
"""RMS every sample's loudest 100 ms is brought to."""

# Generators of the specification, section 8.1.2.
KEY_RANGE, MODES, ROOT, SAMPLE, FINE = 43, 54, 58, 53, 52
HOLD, DECAY, SUSTAIN, RELEASE, KEY_TO_DECAY = 35, 36, 37, 38, 40
INSTRUMENT = 41


@dataclass
class Zone:
    """One sample over a range of keys."""

    name: str
    low: int
    high: int
    root: float
    """MIDI pitch at which the wave plays at its own rate."""
    rate: int
    wave: Wave
    loop: tuple[int, int] | None
    hold: float | None = None
    """Envelope of this zone in seconds, where the source states one."""
    decay: float | None = None


@dataclass
class Preset:
    """One program: its zones and the envelope they share."""

    program: int
    name: str
    zones: list[Zone]
    fall: float | None
    """Seconds in which a held note falls by 60 dB at MIDI 60; None: it is sustained."""
    release: float = 0.25
    """Seconds from full level to silence (100 dB)."""


def without_overlap(zones: list[Zone]) -> list[Zone]:
    """The same zones with one per key: where several overlap, the one whose root is nearest."""
    chosen: dict[int, Zone] = {}
    for key in range(128):
        there = [zone for zone in zones if zone.low <= key <= zone.high]
        if there:
            chosen[key] = min(there, key=lambda zone: abs(zone.root - key))
    kept = []
    for zone in zones:
        keys = [key for key, owner in chosen.items() if owner is zone]
        if keys:
            zone.low, zone.high = min(keys), max(keys)
            kept.append(zone)
    return sorted(kept, key=lambda zone: zone.low)


def loop_step(wave: Wave, loop: tuple[int, int], rate: int, shift: int = 0) -> float:
    """How badly the wave around a loop's end fits that around its start (0: perfectly).

    `shift` moves the end, to see that the stated loop length is the right one.
    """
    start, end = loop
    half = min(start, end - start, rate // 100)
    ahead = max(0, min(half, len(wave) - end - abs(shift)))
    first = wave[start - half : start + ahead]
    second = wave[end + shift - half : end + shift + ahead]
    scale = float(np.mean(first**2) * np.mean(second**2)) ** 0.25 + 1e-9
    return float(np.sqrt(np.mean((first - second) ** 2)) / scale)


def seal_loop(wave: Wave, loop: tuple[int, int], rate: int, level: bool) -> Wave:
    """Crossfade the end of a loop into what comes before its start; with `level`, flatten decay."""
    start, end = loop
    wave = wave.copy()
    window = min(rate // 10, (end - start) // 2)
    if level and end - start > rate // 10:
        first = float(np.sqrt(np.mean(wave[start : start + window] ** 2)))
        last = float(np.sqrt(np.mean(wave[end - window : end] ** 2)))
        gain = np.clip(first / max(last, 1e-9), 0.25, 4.0)
        wave[start:end] *= gain ** np.linspace(0, 1, end - start, endpoint=False)
    fade = min(rate * 3 // 100, (end - start) // 2, start)
    ramp = np.linspace(0, 1, fade + 1)[1:]  # the last sample is that before the loop's start
    wave[end - fade : end] += ramp * (wave[start - fade : start] - wave[end - fade : end])
    tail = np.resize(wave[start:end], 64)  # what an interpolating player reads past the end
    return np.concatenate([wave[:end], tail])


def loudest(wave: Wave, rate: int) -> float:
    """RMS of the loudest 100 ms."""
    size = max(1, min(rate // 10, len(wave)))
    energy = np.cumsum(np.concatenate([[0.0], wave**2]))
    return float(np.sqrt(np.max(energy[size:] - energy[:-size]) / size))


def timecents(seconds: float) -> int:
    """SoundFont's unit of time."""
    return round(1200 * math.log2(max(seconds, 0.001)))


def chunk(tag: str, data: bytes) -> bytes:
    """A RIFF chunk."""
    return struct.pack("<4sI", tag.encode(), len(data)) + data + b"\0" * (len(data) % 2)


def listing(tag: str, *chunks: bytes) -> bytes:
    """A RIFF list."""
    return chunk("LIST", tag.encode() + b"".join(chunks))


def generator(number: int, amount: int) -> bytes:
    """One generator; a negative amount is stored as two's complement."""
    return struct.pack("<HH", number, amount & 0xFFFF)


def text(value: str, size: int = 20) -> bytes:
    """A name of fixed size, ended by zero."""
    return value.encode("ascii", "replace")[: size - 1].ljust(size, b"\0")


def envelope(preset: Preset) -> list[bytes]:
    """Generators that all zones of a preset share."""
    result = []
    if preset.fall is not None:
        result += [generator(DECAY, timecents(preset.fall * 100 / 60)), generator(SUSTAIN, 1000)]
    result.append(generator(RELEASE, timecents(preset.release)))
    if preset.fall is not None:
        result.append(generator(KEY_TO_DECAY, 25))  # half as long four octaves up
    return result


def zone_generators(zone: Zone, sample: int) -> list[bytes]:
    """Generators of one zone, in the order the format demands."""
    root = round(zone.root)
    result = [generator(KEY_RANGE, zone.low | zone.high << 8)]
    if zone.hold is not None:
        result.append(generator(HOLD, timecents(zone.hold)))
    if zone.decay is not None:
        result += [generator(DECAY, timecents(zone.decay)), generator(KEY_TO_DECAY, 0)]
    result.append(generator(FINE, round(100 * (root - zone.root))))
    result += [generator(MODES, 1 if zone.loop else 0), generator(ROOT, root)]
    return [*result, generator(SAMPLE, sample)]


def write_soundfont(path: Path, name: str, rights: str, presets: list[Preset]) -> None:
    """Write a SoundFont 2 file."""
    audio: list[bytes] = []
    offset = 0
    phdr, pbag, pgen = b"", b"", b""
    inst, ibag, igen = b"", b"", b""
    shdr = b""
    samples = 0
    for index, preset in enumerate(presets):
        phdr += text(preset.name) + struct.pack("<HHHIII", preset.program, 0, index, 0, 0, 0)
        pbag += struct.pack("<HH", len(pgen) // 4, 0)
        pgen += generator(INSTRUMENT, index)
        inst += text(preset.name) + struct.pack("<H", len(ibag) // 4)
        ibag += struct.pack("<HH", len(igen) // 4, 0)
        igen += b"".join(envelope(preset))
        for zone in preset.zones:
            wave = zone.wave
            if zone.loop:
                wave = seal_loop(wave, zone.loop, zone.rate, preset.fall is not None)
            peak = float(np.abs(wave).max())
            wave = wave * min(LEVEL / max(loudest(wave, zone.rate), 1e-9), 0.98 / peak)
            data = np.round(wave * 32767).astype("<i2").tobytes() + b"\0" * 92
            start, end = zone.loop or (0, len(wave))
            places = [offset, offset + len(wave), offset + start, offset + end]
            shdr += text(zone.name) + struct.pack("<IIIII", *places, zone.rate)
            shdr += struct.pack("<BbHH", min(127, max(0, round(zone.root))), 0, 0, 1)
            ibag += struct.pack("<HH", len(igen) // 4, 0)
            igen += b"".join(zone_generators(zone, samples))
            audio.append(data)
            offset += len(data) // 2
            samples += 1
    phdr += text("EOP") + struct.pack("<HHHIII", 0, 0, len(presets), 0, 0, 0)
    pbag += struct.pack("<HH", len(pgen) // 4, 0)
    inst += text("EOI") + struct.pack("<H", len(ibag) // 4)
    ibag += struct.pack("<HH", len(igen) // 4, 0)
    shdr += text("EOS") + bytes(26)
    info = listing(
        "INFO",
        chunk("ifil", struct.pack("<HH", 2, 1)),
        chunk("isng", b"EMU8000\0"),
        chunk("INAM", name.encode() + b"\0" * (2 - len(name) % 2)),
        chunk("ICOP", rights.encode() + b"\0" * (2 - len(rights) % 2)),
    )
    body = listing(
        "pdta",
        chunk("phdr", phdr),
        chunk("pbag", pbag),
        chunk("pmod", bytes(10)),
        chunk("pgen", pgen + bytes(4)),
        chunk("inst", inst),
        chunk("ibag", ibag),
        chunk("imod", bytes(10)),
        chunk("igen", igen + bytes(4)),
        chunk("shdr", shdr),
    )
    sound = listing("sdta", chunk("smpl", b"".join(audio)))
    path.write_bytes(chunk("RIFF", b"sfbk" + info + sound + body))
