"""What renderers share: their programs are found, what they play is read and levelled."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import soundfile

from timbresep.errors import DataError, MissingToolError
from timbresep.units import db_to_amplitude

RATE = 44_100


def find_program(name: str) -> str:
    """Path of a renderer's program.

    Raises:
        MissingToolError: it is not installed.
    """
    program = shutil.which(name)
    if program is None:
        raise MissingToolError(
            f"rendering scores needs the program {name}, which is not installed",
            hint=f"apt install {name}, or train on the bundled source: --source starter",
        )
    return program


def read_mono(path: Path, program: str) -> np.ndarray:
    """The WAV file that a program rendered, its channels averaged: float32 (samples,).

    Raises:
        DataError: it is not at 44.1 kHz.
    """
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)  # (samples, channels)
    if rate != RATE:
        raise DataError(f"{program} rendered at {rate} Hz instead of {RATE} Hz")
    mono: np.ndarray = wave.mean(axis=1, dtype=np.float32)
    return mono


def normalise(wave: np.ndarray, level_db: float = -20.0) -> np.ndarray | None:
    """Bring a stem to a common loudness, keeping its dynamics.

    Args:
        wave: mono waveform (samples,) at 44.1 kHz.
        level_db: RMS over its sounding 50 ms frames, in dBFS; the peak stays below 0.98.
    Returns:
        the scaled waveform, or None when it is silent (peak below -60 dBFS).
    """
    peak = float(np.abs(wave).max(initial=0.0))
    if peak < 1e-3:
        return None
    frame = RATE // 20
    n_frames = max(1, len(wave) // frame)
    frames = wave[: n_frames * frame].reshape(n_frames, -1)  # (frames, samples)
    power = np.mean(frames.astype(np.float64) ** 2, axis=1)
    sounding = power[power > power.max() * 1e-4]
    gain = db_to_amplitude(level_db) / float(np.sqrt(sounding.mean()))
    return (wave * min(gain, 0.98 / peak)).astype(np.float32)
