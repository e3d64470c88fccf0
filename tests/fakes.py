"""Networks so small that their output is known exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from timbresep import checkpoint
from timbresep.backbone import Backbone
from timbresep.checkpoint import Checkpoint, Metadata
from timbresep.data.rendering.scores import Note, Score, family_of
from timbresep.hookspecs import BackboneSpec
from timbresep.separation.options import SeparationOptions

RATE = 8000


class FirBackbone(Backbone):
    """Filters the mixture with a fixed FIR and scales it by the condition's first value."""

    def __init__(self, condition_dim: int, chunk: int = 1000, context: int = 40) -> None:
        super().__init__()
        self.sample_rate, self.channels, self.causal = RATE, 2, False
        self.condition_dim, self.chunk, self.context = condition_dim, chunk, context
        taps = torch.hann_window(2 * 20 + 3, periodic=False)[1:-1]
        self.taps = nn.Parameter(taps / taps.sum(), requires_grad=False)
        self.calls = 0
        self.longest = 0

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        self.calls += 1
        self.longest = max(self.longest, mixture.shape[-1])
        batch, channels, samples = mixture.shape
        kernel = self.taps.to(mixture.dtype)[None, None]
        flat = mixture.reshape(batch * channels, 1, samples)
        filtered = functional.conv1d(flat, kernel, padding=len(self.taps) // 2)
        filtered = filtered.reshape(batch, 1, channels, samples)
        return filtered * conditions[..., 0, None, None]


class GainBackbone(FirBackbone):
    """Scales the mixture by the condition's first value, and nothing else."""

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        self.calls += 1
        self.longest = max(self.longest, mixture.shape[-1])
        return mixture.unsqueeze(1) * conditions[..., 0, None, None]


def vector(gain: float, dim: int = 3) -> np.ndarray:
    """A condition that means `gain`."""
    return np.array([gain] + [0.0] * (dim - 1), dtype=np.float32)


def loaded(model: Backbone, **gains: float) -> Checkpoint:
    """A checkpoint in memory: instrument → gain."""
    conditions = {name: vector(gain, model.condition_dim) for name, gain in gains.items()}
    return Checkpoint(model.eval(), conditions, metadata(list(gains)), Path("fake.safetensors"))


def metadata(instruments: list[str]) -> Metadata:
    return Metadata(
        backbone="gain",
        instruments=instruments,
        condition_version=1,
        sample_rate=RATE,
        channels=2,
    )


def plugin(folder: Path) -> Path:
    """Write the gain backbone as a plugin into `folder`; gives the folder to point to."""
    (folder / "gain").mkdir(parents=True)
    (folder / "gain" / "__init__.py").write_text(
        "from timbresep.hookspecs import hookimpl\n"
        "import fakes\n"
        "@hookimpl\n"
        "def timbresep_backbones():\n"
        "    return [fakes.SPEC]\n"
    )
    return folder


def saved(path: Path, dim: int, **gains: float) -> Path:
    """A checkpoint file of the gain backbone."""
    conditions = {name: vector(gain, dim) for name, gain in gains.items()}
    checkpoint.save(path, GainBackbone(dim), conditions, metadata(list(gains)))
    return path


SPEC = BackboneSpec("gain", "a fake", lambda dim: GainBackbone(dim), {})


def library() -> list[Score]:
    """Scores of two parts whose melodies differ."""
    rng = np.random.default_rng(0)
    found = []
    for k in range(8):
        tops = [int(p) for p in rng.integers(62, 70, 10)]
        lines = [tuple(Note(float(b), 1.0, p - 7 * j) for b, p in enumerate(tops)) for j in (0, 1)]
        found.append(Score(f"piece {k}", family_of(lines[0]), tuple(lines)))
    return found


PLAIN = SeparationOptions(device="cpu", joint=False, retune=False)
"""The network's estimates as they are."""

JOINT = replace(PLAIN, joint=True)
