"""A source model so small that its output is known exactly, and its plugin."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from timbresep.hookspecs import Fetched, SourceModelSpec
from timbresep.source_model import SourceModel, load_weights

RATE = 8000


class Split(SourceModel):
    """Low sounds, by a moving average, and the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.sources, self.sample_rate, self.channels = ("low", "other"), RATE, 2
        self.chunk, self.context = 4000, 10
        self.taps = nn.Parameter(torch.zeros(21))

    def forward(self, mixture: Tensor) -> Tensor:
        kernel = self.taps[None, None]
        flat = mixture.reshape(-1, 1, mixture.shape[-1])
        low = nn.functional.conv1d(flat, kernel, padding=10).reshape(mixture.shape)
        return torch.stack([low, mixture - low], dim=1)


WEIGHTS = save({"taps": torch.hann_window(23, periodic=False)[1:-1] / 11})


def fetch(path: Path, report: Fetched) -> None:
    path.write_bytes(WEIGHTS)
    report(len(WEIGHTS), len(WEIGHTS))


def load(path: Path) -> Split:
    return load_weights(Split(), path)


SPEC = SourceModelSpec(
    name="split",
    summary="a fake",
    sources=("low", "other"),
    sample_rate=RATE,
    licence="nobody's",
    size=3_000_000,
    fetch=fetch,
    load=load,
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
)


def plugin(folder: Path) -> Path:
    """Write the fake as a plugin into `folder`; gives the folder to point to."""
    (folder / "split").mkdir(parents=True)
    (folder / "split" / "__init__.py").write_text(
        "from timbresep.hookspecs import hookimpl\n"
        "import source_fakes\n"
        "@hookimpl\n"
        "def timbresep_source_models():\n"
        "    return [source_fakes.SPEC]\n"
    )
    return folder
