"""Audio: headers and samples, as libsndfile and ffmpeg read them."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.fuzzing import mutations
from benchmarks.fuzzing.target import Target, of_file
from timbresep import audio


def wave(seconds: float = 0.1, channels: int = 2) -> NDArray[np.float32]:
    """Noise at 8 kHz (samples, channels)."""
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal((round(8000 * seconds), channels))).astype(np.float32)


def by_libsndfile(scratch: Path) -> Target:
    """Headers and samples, by blocks as separation reads them."""
    kinds = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16")]
    kinds += [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
    kinds += [("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16")]
    seeds = []
    for container, subtype in kinds:
        file = io.BytesIO()
        soundfile.write(file, wave(), 8000, subtype, format=container)
        seeds.append(file.getvalue())

    def read(path: Path) -> None:
        audio.info(path)
        for _ in audio.read_blocks(path):
            pass

    return of_file(scratch / "a.bin", seeds, mutations.raw, read)


def by_ffmpeg(scratch: Path) -> Target:
    """As `by_libsndfile`, of what only ffmpeg reads; each input starts two programs."""
    whole, seeds = scratch / "whole.wav", []
    soundfile.write(whole, wave(), 8000)
    for ending in ("m4a", "mka", "wma", "ac3"):
        made = scratch / f"whole.{ending}"
        command = ["ffmpeg", "-v", "error", "-i", str(whole), "-ar", "48000", str(made)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        seeds.append(made.read_bytes())

    def read(path: Path) -> None:
        audio.info(path)
        for _ in audio.read_blocks(path):
            pass

    return of_file(scratch / "a.bin", seeds, mutations.raw, read)


def has_ffmpeg() -> bool:
    """Whether the program is there."""
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None
