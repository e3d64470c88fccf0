"""Our model against what Magenta's ddsp answered (`tests/magenta/make_vectors.py`).

`tests/magenta` compares with ddsp itself, where it is installed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor

from timbresep.ddsp import synthesis
from timbresep.ddsp.features import loudness
from timbresep.ddsp.magenta import checkpoint
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss

SAME = 1e-4


@pytest.fixture(scope="module")
def given() -> dict[str, Tensor]:
    path = Path(__file__).parent / "vectors" / "magenta.safetensors"
    return {name: torch.from_numpy(value) for name, value in load_file(path).items()}


@pytest.fixture(scope="module")
def model(given: dict[str, Tensor]) -> DdspModel:
    weights = {
        name.removeprefix("model/"): value.numpy()
        for name, value in given.items()
        if name.startswith("model/")
    }
    config = checkpoint.sizes(weights, (20, 17), "the stored weights")
    model = DdspModel(config)
    model.load_state_dict(checkpoint.to_torch(weights, config))
    return model.eval()


def same(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) < SAME * float(theirs.abs().max())


@torch.no_grad()
def test_decoder(given: dict[str, Tensor], model: DdspModel) -> None:
    raw = model.decoder.raw(given["f0_hz"][..., None], given["loudness_db"][..., None])
    for name, output in zip(
        ("amps", "harmonic_distribution", "noise_magnitudes"), raw, strict=True
    ):
        same(output, given[f"raw/{name}"])
    controls = model.controls(given["f0_hz"], given["loudness_db"])
    for output, name in zip(controls, ("amplitude", "distribution", "magnitudes"), strict=True):
        assert torch.equal(output == 0, given[name] == 0)
        assert np.allclose(output, given[name], rtol=SAME, atol=0)


@torch.no_grad()
def test_synthesis(given: dict[str, Tensor], model: DdspModel) -> None:
    tones = synthesis.harmonic_oscillators(
        given["f0_hz"][..., None], given["amplitude"], given["distribution"], 3_200, 16_000
    )
    same(tones, given["harmonic"])
    same(synthesis.filter_frames(given["noise"], given["magnitudes"]), given["filtered_noise"])
    assert model.reverb is not None
    same(model.reverb(given["dry"]), given["audio"])


@torch.no_grad()
def test_whole_model(given: dict[str, Tensor], model: DdspModel) -> None:
    """The noise of the vectors is torch's own, with seed 1."""
    chance = torch.Generator().manual_seed(1)
    same(model(given["f0_hz"], given["loudness_db"], chance), given["audio"])


def test_loudness(given: dict[str, Tensor]) -> None:
    same(loudness(given["target"], 16_000), given["loudness"])


def test_spectral_loss(given: dict[str, Tensor]) -> None:
    loss = multiscale_spectral_loss(given["target"], given["audio"])
    assert float(loss) == pytest.approx(float(given["spectral_loss"]), rel=SAME)
