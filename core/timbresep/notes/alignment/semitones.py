"""How loud each semitone of a recording is, every 20 ms; audio comes in blocks and is not kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from timbresep.units import midi_to_hz

FRAMES_PER_S = 50
LOWEST, HIGHEST = 40, 100  # MIDI numbers of the first and last semitone: 82 Hz to 2.6 kHz
SEMITONES = HIGHEST - LOWEST + 1
SLOW_S, QUICK_S = 0.2, 0.1  # lengths of windows
AT_A_TIME = 256  # frames

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Levels:
    """Magnitudes of semitones, ``(frames, semitones)``.

    Attributes:
        slow: seen by windows of 0.2 s, which tell low semitones apart.
        quick: seen by windows of 0.1 s, which tell when notes begin.
        seconds: length of the recording.
    """

    slow: Array
    quick: Array
    seconds: float

    @property
    def loudest(self) -> float:
        """The loudest semitone's magnitude, exceeded in one frame of 20."""
        return float(np.percentile(self.slow.max(axis=1), 95)) + 1e-9


def levels_of(blocks: Iterable[Array], rate: int, cents: float) -> Levels:
    """Levels of a recording.

    Args:
        blocks: the waveform in blocks ``(channels, samples)``; channels are averaged.
        rate: Hz.
        cents: its tuning.
    """
    slow, quick = (_Bands(rate, seconds, cents) for seconds in (SLOW_S, QUICK_S))
    samples = 0
    for block in blocks:
        mono = block.mean(axis=0)
        slow.push(mono)
        quick.push(mono)
        samples += len(mono)
    return Levels(slow.end(), quick.end(), samples / rate)


class _Bands:
    """Windows centred on every 20 ms of a stream, and the magnitudes of semitones in each.

    Args:
        rate: Hz.
        seconds: length of a window.
        cents: tuning of the semitones.
    """

    def __init__(self, rate: int, seconds: float, cents: float) -> None:
        self._rate = rate
        self._half = next_fast_len(round(seconds * rate)) // 2
        window = np.hanning(2 * self._half)
        self._window = (2 * window / window.sum()).astype(np.float32)
        hz = np.arange(self._half + 1) * rate / (2 * self._half)
        centres = midi_to_hz(np.arange(LOWEST, HIGHEST + 1) + cents / 100)
        width = np.maximum(centres * (2 ** (1 / 12) - 1), 1.01 * hz[1])
        weights = np.maximum(0, 1 - np.abs(hz[:, None] - centres) / width)  # (bins, semitones)
        self._bins = int(np.flatnonzero(weights.any(axis=1))[-1]) + 1
        self._weights = weights[: self._bins].astype(np.float32)
        self._kept = np.zeros(self._half, np.float32)  # the first window begins before the stream
        self._start = -self._half  # sample that `_kept` begins with
        self._frames = 0
        self._parts: list[Array] = []

    def push(self, mono: Array) -> None:
        """Take the stream's next samples."""
        self._kept = np.concatenate([self._kept, mono])
        self._measure(self._start + len(self._kept) - self._half)

    def end(self) -> Array:
        """Magnitudes of all frames whose centre lies in the stream, ``(frames, semitones)``."""
        samples = self._start + len(self._kept)
        self._kept = np.concatenate([self._kept, np.zeros(self._half, np.float32)])
        self._measure(samples)
        return np.concatenate(self._parts)

    def _measure(self, last: int) -> None:
        """Measure the frames whose centre is at sample `last` or before it."""
        numbers = np.arange(self._frames, max(self._frames, last * FRAMES_PER_S // self._rate + 1))
        begins = np.round(numbers * (self._rate / FRAMES_PER_S)).astype(np.int64) - self._half
        begins = begins[begins + self._half <= last]
        for some in range(0, len(begins), AT_A_TIME):
            places = begins[some : some + AT_A_TIME, None] - self._start
            windows = self._kept[places + np.arange(2 * self._half)] * self._window
            power = np.square(np.abs(np.fft.rfft(windows, axis=1)[:, : self._bins]))
            self._parts.append(np.sqrt(power.astype(np.float32) @ self._weights))
        self._frames += len(begins)
        if len(begins):
            self._kept = self._kept[begins[-1] - self._start :]
            self._start = int(begins[-1])
