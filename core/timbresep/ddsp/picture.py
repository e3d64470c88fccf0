"""Spectrogram pictures: the original above its resynthesis."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from timbresep.ddsp.spectral_loss import magnitudes
from timbresep.files import write_bytes

WIDTH, HEIGHT = 480, 128  # pixels of each spectrogram
N_FFT = 1024
RANGE_DB = 70.0
"""dB from the brightest to the darkest colour."""
LEVELS = 32
RAMP = ((8, 8, 24), (66, 25, 96), (160, 44, 90), (235, 105, 55), (252, 255, 164))
"""Colours from silence to the loudest, equally spaced."""

Pixels = npt.NDArray[np.uint8]


def spectrogram(audio: Tensor, loudest: float) -> Pixels:
    """Levels (HEIGHT, WIDTH) from 0 to 31 of audio (samples,), 0 Hz at the bottom.

    Args:
        audio: (samples,); the whole of it fills the width.
        loudest: magnitude of the brightest colour.
    """
    level = 20 * torch.log10(magnitudes(audio[None], N_FFT).clamp_min(1e-7) / loudest)  # (1, t, f)
    pixels = torch.nn.functional.adaptive_avg_pool2d(level.transpose(1, 2), (HEIGHT, WIDTH))[0]
    scaled = (1 + pixels / RANGE_DB).clamp(0, 1) * (LEVELS - 1)
    return np.ascontiguousarray(scaled.round().byte().flip(0).numpy())


def compare(original: Tensor, resynthesis: Tensor) -> Pixels:
    """Colours (2 · HEIGHT + 2, WIDTH, 3): the original above, on one scale with the resynthesis."""
    indices = _stack(original, resynthesis)
    return _palette()[indices]


def write_comparison(path: Path, original: Tensor, resynthesis: Tensor) -> None:
    """Write `compare` as a small PNG, atomically.

    Args:
        path: file to write; one that is there is replaced.
        original, resynthesis: (samples,).
    """
    from PIL import Image

    image = Image.fromarray(_stack(original, resynthesis), mode="P")
    image.putpalette(_palette().flatten().tolist())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, bits=5)
    write_bytes(path, buffer.getvalue())


def _stack(original: Tensor, resynthesis: Tensor) -> Pixels:
    """Palette indices of both, with a bright line between."""
    loudest = max(float(magnitudes(original[None], N_FFT).max()), 1e-5)
    line = np.full((2, WIDTH), LEVELS - 1, np.uint8)
    above, below = (spectrogram(sound, loudest) for sound in (original, resynthesis))
    return np.concatenate([above, line, below])


def _palette() -> Pixels:
    """Colours (LEVELS, 3)."""
    place = np.linspace(0, len(RAMP) - 1, LEVELS)
    channels = [np.interp(place, range(len(RAMP)), channel) for channel in zip(*RAMP, strict=True)]
    return np.stack(channels, axis=1).round().astype(np.uint8)
