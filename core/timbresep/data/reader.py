"""Fast windows of stems: whole files are kept decoded while memory lasts, others are sought in."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep import audio
from timbresep.errors import AudioError

FULL_SCALE = 2**15  # of 16-bit integers
LOUDEST = 1e4  # +80 dBFS: a sample beyond it is damage


class StemReader:
    """Reads windows of audio files.

    A file is decoded as a whole when it is first used and kept until `memory_mb` are full: as
    16-bit integers where that loses nothing, else as floats. After that, and where a file cannot
    be decoded as a whole, it is opened and sought in each time. What a window holds, or that it
    cannot be read, never depends on what was read before.

    Args:
        memory_mb: megabytes of decoded audio to keep (in each process that reads).
    """

    def __init__(self, memory_mb: float = 512.0) -> None:
        self._room = int(memory_mb * 2**20)
        self._kept: dict[Path, NDArray[np.int16] | NDArray[np.float32] | None] = {}

    def window(self, path: Path, start: int, length: int, total: int) -> NDArray[np.float32]:
        """Samples `start` to `start + length` of a file, zeros beyond its end.

        Args:
            path: the file.
            start: first sample, not negative.
            length: samples wanted.
            total: samples in the file.
        Returns:
            (channels, length)
        Raises:
            AudioError: this part of the file cannot be read, or is nothing that a stem can hold.
        """
        available = max(0, min(length, total - start))
        whole = self._whole(path)
        if whole is not None:
            wave = _floats(whole[:, start : start + available])
        elif available:
            wave, _ = audio.read(path, start, available)
        else:
            wave = np.zeros((1, 0), dtype=np.float32)
        check_level(wave, path)
        if wave.shape[1] == length:
            return wave
        return np.pad(wave, ((0, 0), (0, length - wave.shape[1])))

    def _whole(self, path: Path) -> NDArray[np.int16] | NDArray[np.float32] | None:
        """The file as it is kept, decoding it if there is room; None: it is not kept."""
        if path in self._kept:
            return self._kept[path]
        about = audio.info(path)
        kept = None
        if 2 * about.channels * about.frames <= self._room:
            # One that is damaged somewhere is not kept: its other windows can still be read.
            with suppress(AudioError):
                kept = _smallest(audio.read(path)[0])
        if kept is not None and kept.nbytes > self._room:
            kept = None
        self._room -= 0 if kept is None else kept.nbytes
        self._kept[path] = kept
        return kept


def check_level(wave: NDArray[np.float32], path: Path) -> None:
    """Raise AudioError where a sample is beyond anything that a recording can hold."""
    if wave.size and (peak := float(np.abs(wave).max())) > LOUDEST:
        raise AudioError(
            f"{path}: a sample of {peak:.3g} where full scale is 1", "the file is damaged"
        )


def _smallest(wave: NDArray[np.float32]) -> NDArray[np.int16] | NDArray[np.float32]:
    """16-bit integers where they hold the very same samples, else the samples themselves."""
    if wave.min(initial=0.0) >= -1 and wave.max(initial=0.0) < 1:
        scaled = wave * np.float32(FULL_SCALE)
        integers = scaled.astype(np.int16)
        if np.array_equal(integers, scaled):
            return integers
    return wave


def _floats(samples: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.float32]:
    if samples.dtype == np.float32:
        return samples.astype(np.float32)
    return samples.astype(np.float32) / np.float32(FULL_SCALE)
