"""Fast windows of stems: whole files are kept decoded while memory lasts, others are sought in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import audio


class StemReader:
    """Reads windows of audio files.

    A file is decoded as a whole when it is first used and kept as 16-bit integers with its own
    scale, until `memory_mb` are full. After that, files are opened and sought in each time.

    Args:
        memory_mb: megabytes of decoded audio to keep (in each process that reads).
    """

    def __init__(self, memory_mb: float = 512.0) -> None:
        self._room = int(memory_mb * 2**20)
        self._kept: dict[Path, tuple[NDArray[np.int16], float]] = {}

    def window(self, path: Path, start: int, length: int, total: int) -> NDArray[np.float32]:
        """Samples `start` to `start + length` of a file, zeros beyond its end.

        Args:
            path: the file.
            start: first sample, not negative.
            length: samples wanted.
            total: samples in the file.
        Returns:
            (channels, length)
        """
        available = max(0, min(length, total - start))
        if self._keep(path):
            pcm, scale = self._kept[path]
            wave = pcm[:, start : start + available].astype(np.float32)
            wave *= np.float32(scale)
        elif available:
            wave, _ = audio.read(path, start, available)
        else:
            wave = np.zeros((1, 0), dtype=np.float32)
        if wave.shape[1] == length:
            return wave
        return np.pad(wave, ((0, 0), (0, length - wave.shape[1])))

    def _keep(self, path: Path) -> bool:
        """True when the file is kept, decoding it if there is room."""
        if path in self._kept:
            return True
        about = audio.info(path)
        size = 2 * about.channels * about.frames
        if size > self._room:
            return False
        self._room -= size
        wave, _ = audio.read(path)
        scale = max(1.0, float(np.abs(wave).max(initial=0.0))) / 32767
        self._kept[path] = (np.rint(wave / scale).astype(np.int16), scale)
        return True
