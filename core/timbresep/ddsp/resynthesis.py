"""Play a recording again with a model's voice, and measure how near it comes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from timbresep.ddsp.features import FRAME_RATE, HOP, SAMPLE_RATE, Range, extract
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.prepared import Prepared, read_solo
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss
from timbresep.errors import DataError
from timbresep.units import pitch_ratio

CHUNK = 4 * FRAME_RATE
"""Frames that are measured at once."""


@dataclass(frozen=True)
class Likeness:
    """How near the resynthesis of solos comes to them.

    Attributes:
        loss: multi-scale spectral loss, mean over passages of 4 s.
        f0_cents: median absolute error of the fundamental where both have a sure one; None for
            an unpitched instrument.
        loudness_db: mean absolute error over sounding frames.
        seconds: of solos.
    """

    loss: float
    f0_cents: float | None
    loudness_db: float
    seconds: float


@dataclass(frozen=True)
class Played:
    """A recording, and what a voice makes of its pitch and loudness.

    Attributes:
        original: the recording (samples,) at 16 kHz.
        audio: what the voice plays (samples,), at the same rate.
        f0_hz: the pitch that it plays (frames,), Hz; 0 for none.
        loudness_db: the loudness that it was to have (frames,), A-weighted dB.
    """

    original: Tensor
    audio: Tensor
    f0_hz: Tensor
    loudness_db: Tensor

    @property
    def seconds(self) -> float:
        """The length of what the voice plays."""
        return len(self.audio) / SAMPLE_RATE

    @classmethod
    def of(cls, model: DdspModel, data: Prepared, frames: slice) -> Played:
        """A passage of prepared solos, played by a model."""
        original = data.audio[frames.start * HOP : frames.stop * HOP].float() / 32767
        f0, level = data.f0_hz[frames], data.loudness_db[frames]
        return cls(original, play(model, f0, level), f0, level)


def resynthesise(
    model: DdspModel, path: Path, f0_range: Range, *, semitones: float = 0.0, dry: bool = False
) -> Played:
    """Play the pitch and loudness of a recording.

    Args:
        model: the voice.
        path: a recording of one note at a time, of any instrument, at 16 kHz or more.
        f0_range: lowest and highest fundamental to play, Hz; what is looked for in the recording
            is what comes to lie there. None for an unpitched model.
        semitones: transposition.
        dry: without the model's reverb.

    Returns:
        Recording and resynthesis; this is up to 64 samples shorter.

    Raises:
        DataError: the recording is noise, percussion or chords, and the model is pitched.
        AudioError: it cannot be read, is silent, clipped, too short or at a rate below 16 kHz.
    """
    ratio = pitch_ratio(semitones)
    mono, found = read_solo(path, (f0_range[0] / ratio, f0_range[1] / ratio) if f0_range else None)
    frames = len(mono) // HOP
    f0 = torch.from_numpy(found.f0_hz[:frames] * np.float32(ratio))
    level = torch.from_numpy(found.loudness_db[:frames])
    return Played(torch.from_numpy(mono), play(model, f0, level, dry=dry), f0, level)


@torch.no_grad()
def play(model: DdspModel, f0_hz: Tensor, loudness_db: Tensor, *, dry: bool = False) -> Tensor:
    """Audio (frames · 64,) of features (frames,); the noise is always the same."""
    device = next(model.parameters()).device
    noise = torch.Generator(device).manual_seed(0)
    model.eval()
    audio: Tensor = model(f0_hz[None].to(device), loudness_db[None].to(device), noise, dry=dry)
    return audio[0].cpu()


def measure(model: DdspModel, data: Prepared, spans: list[tuple[int, int]]) -> Likeness:
    """Resynthesise parts of prepared solos and compare.

    Args:
        model: the voice.
        data: solos of its instrument.
        spans: frames (first, end) of the parts, such as `Prepared.held_out`.

    Raises:
        DataError: nothing sounds in the parts.
    """
    f0_range: Range = tuple(data.metadata["f0_range"]) if data.pitched else None
    sounding, voiced = data.sounding(), data.voiced()
    losses, cents, levels, total = [], [np.zeros(0)], [], 0
    for first, end in spans:
        for start in range(first, end, CHUNK):
            part = slice(start, min(start + CHUNK, end))
            frames = part.stop - start
            if frames < FRAME_RATE or not sounding[part].any():
                continue
            original = data.audio[start * HOP : part.stop * HOP].float() / 32767
            audio = play(model, data.f0_hz[part], data.loudness_db[part])
            losses.append(float(multiscale_spectral_loss(original[None], audio[None])))
            again = extract(audio.numpy(), SAMPLE_RATE, f0_range)
            gap = np.abs(again.loudness_db[:frames] - data.loudness_db[part].numpy())
            levels.append(gap[sounding[part].numpy()])
            total += frames
            if f0_range is not None:
                sure = voiced[part].numpy() & (again.f0_confidence[:frames] >= 0.5)
                ratio = again.f0_hz[:frames][sure] / data.f0_hz[part].numpy()[sure]
                cents.append(np.abs(1200 * np.log2(ratio)))
    if not losses:
        raise DataError("nothing sounds in the solos that are held out", "give longer solos")
    errors = np.concatenate(cents)
    return Likeness(
        loss=round(float(np.mean(losses)), 3),
        f0_cents=round(float(np.median(errors)), 2) if errors.size else None,
        loudness_db=round(float(np.concatenate(levels).mean()), 2),
        seconds=round(total / FRAME_RATE, 1),
    )
