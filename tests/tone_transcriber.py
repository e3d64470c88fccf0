"""A transcriber whose answers are known: it hears pure tones, and needs no training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fakes import vector
from timbresep import checkpoint
from timbresep.checkpoint import Checkpoint, Metadata
from timbresep.hookspecs import BackboneSpec
from timbresep.level import LEVEL_DB
from timbresep.transcriber import KINDS, Transcriber
from timbresep.units import midi_to_hz

RATE, HOP, LENGTH = 16_000, 512, 4096
LOWEST, PITCHES = 69, 12
STEEP = 20.0
FULL = 10 ** (LEVEL_DB / 20) * 2**0.5
"""Amplitude of a tone alone, at the level that it gets."""


class ToneTranscriber(Transcriber):
    """Sure of a pitch whose tone fills more than half of a window, and of no beginning.

    Scaled by the condition's first value. A tone half a semitone away is not heard.
    """

    def __init__(self, condition_dim: int, chunk: int = 4 * RATE, context: int = RATE) -> None:
        super().__init__()
        self.sample_rate, self.channels, self.causal = RATE, 2, False
        self.condition_dim, self.chunk, self.context = condition_dim, chunk, context
        self.hop, self.lowest, self.pitches = HOP, LOWEST, PITCHES
        hertz = torch.tensor([midi_to_hz(float(LOWEST + k)) for k in range(PITCHES)])
        turn = 2 * torch.pi * hertz[:, None] * torch.arange(LENGTH) / RATE
        window = torch.hann_window(LENGTH)
        waves = torch.cat([turn.cos(), turn.sin()]) * window * 2 / window.sum()
        self.waves = torch.nn.Parameter(waves[:, None])
        self.longest = 0

    def logits(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        self.longest = max(self.longest, mixture.shape[-1])
        wave = functional.pad(mixture.mean(dim=1, keepdim=True), (LENGTH // 2, LENGTH // 2 + HOP))
        found = functional.conv1d(wave, self.waves, stride=HOP)
        found = found[..., : self.frames(mixture.shape[-1])]
        sure = (found.unflatten(1, (2, PITCHES)).square().sum(dim=1).sqrt() / FULL).clamp(max=1.0)
        asked = sure[:, None] * conditions[..., 0, None, None].clamp(0, 1)
        both = torch.stack([asked, torch.zeros_like(asked)], dim=2)
        assert both.shape[2] == KINDS
        return STEEP * (both - 0.5)


SPEC = BackboneSpec("tones", "a fake", lambda dim: ToneTranscriber(dim), {}, answers="notes")


def metadata(instruments: list[str]) -> Metadata:
    return Metadata(
        backbone="tones",
        instruments=instruments,
        condition_version=1,
        sample_rate=RATE,
        channels=2,
    )


def loaded(model: ToneTranscriber, **gains: float) -> Checkpoint:
    """A checkpoint in memory: instrument → how far it is heard."""
    conditions = {name: vector(gain, model.condition_dim) for name, gain in gains.items()}
    return Checkpoint(model.eval(), conditions, metadata(list(gains)), Path("fake.safetensors"))


def saved(path: Path, dim: int, **gains: float) -> Path:
    """A checkpoint file."""
    conditions = {name: vector(gain, dim) for name, gain in gains.items()}
    checkpoint.save(path, ToneTranscriber(dim), conditions, metadata(list(gains)))
    return path


def plugin(folder: Path) -> Path:
    """Write the backbone as a plugin into `folder`, beside the one of `fakes`."""
    (folder / "gain").mkdir(parents=True)
    (folder / "gain" / "__init__.py").write_text(
        "from timbresep.hookspecs import hookimpl\n"
        "import fakes, tone_transcriber\n"
        "@hookimpl\n"
        "def timbresep_backbones():\n"
        "    return [fakes.SPEC, tone_transcriber.SPEC]\n"
    )
    return folder


def melody(
    notes: list[tuple[float, float, int]], seconds: float, rate: int = RATE, *, cents: float = 0.0
) -> np.ndarray:
    """Tones (start, end, pitch) one after the other, (1, samples)."""
    wave, time = np.zeros(round(seconds * rate)), np.arange(round(seconds * rate)) / rate
    for start, end, pitch in notes:
        inside = (time >= start) & (time < end)
        wave[inside] += 0.3 * np.sin(2 * np.pi * midi_to_hz(pitch + cents / 100) * time[inside])
    return wave[None].astype(np.float32)
