"""The decoder and the file it is kept in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from timbresep.ddsp.decoder import Decoder, DecoderConfig, hz_to_midi
from timbresep.ddsp.model import DdspModel, TrainedRange
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss
from timbresep.errors import CheckpointError

TINY = DecoderConfig(rnn_channels=16, channels=16, n_harmonics=20, n_noise=9)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_controls_have_their_shapes_and_a_proper_distribution(layers: int) -> None:
    decoder = Decoder(DecoderConfig(16, 16, layers, n_harmonics=20, n_noise=9))
    f0 = torch.tensor([[[100.0], [500.0], [3000.0]]])
    controls = decoder(f0, torch.full((1, 3, 1), -30.0))
    assert controls.amplitude.shape == (1, 3, 1)
    assert controls.distribution.shape == (1, 3, 20)
    assert controls.noise.shape == (1, 3, 9)
    assert torch.allclose(controls.distribution.sum(-1), torch.ones(1, 3))
    assert (controls.distribution >= 0).all()
    assert (controls.distribution[0, 1, 15:] == 0).all()  # 16 · 500 Hz is Nyquist
    assert (controls.distribution[0, 2, 2:] == 0).all()
    assert (controls.noise > 0).all()


def test_midi_numbers() -> None:
    midi = hz_to_midi(torch.tensor([0.0, 440.0, 880.0, 27.5]))
    assert midi.tolist() == pytest.approx([0, 69, 81, 21])


def test_every_parameter_gets_a_gradient() -> None:
    model = DdspModel(TINY)
    f0 = 200 + 20 * torch.rand(2, 25)
    model(f0, torch.rand(2, 25) * -40).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_it_overfits_a_tone() -> None:
    torch.manual_seed(0)
    model = DdspModel(TINY)
    time = torch.arange(50 * 64) / 16_000
    target = sum(0.2 / k * torch.sin(2 * torch.pi * 300 * k * time) for k in (1, 2, 3))[None]
    f0, level = torch.full((1, 50), 300.0), torch.full((1, 50), -10.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(120):
        loss = multiscale_spectral_loss(target, model(f0, level))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    shares = model.controls(f0, level).distribution[0, 25]
    assert shares[:3].sum() > 0.9
    assert shares[0] > shares[2]


def test_save_and_load_keep_the_model(tmp_path: Path) -> None:
    model = DdspModel(TINY, TrainedRange((-40.0, -30.0, -20.0), (100.0, 900.0)))
    model.save(tmp_path / "m.safetensors", {"licence": "MIT"})
    again = DdspModel.load(tmp_path / "m.safetensors")
    assert (again.config, again.trained_range) == (model.config, model.trained_range)
    assert again.metadata["licence"] == "MIT"
    assert again.metadata["code_version"]
    assert not again.training
    f0, level = torch.full((1, 20), 220.0), torch.full((1, 20), -25.0)
    before = model.controls(f0, level).distribution
    assert torch.allclose(before, again.controls(f0, level).distribution, atol=1e-3)


def test_same_seed_same_audio() -> None:
    model = DdspModel(TINY)
    f0, level = torch.full((1, 10), 220.0), torch.full((1, 10), -25.0)
    one, two = (model(f0, level, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (1, 640)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_file_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "m.safetensors"
    DdspModel(TINY).save(path, {})
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError, match=r"m\.safetensors"):
        DdspModel.load(path)


def test_missing_foreign_and_misshapen_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(CheckpointError, match="no such file"):
        DdspModel.load(path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="no DDSP model"):
        DdspModel.load(path)

    model = DdspModel(TINY)
    model.save(path, {})
    tensors = load_file(path)
    header = {"format_version": 1, "config": {"channels": 8}, "heard": vars(model.trained_range)}
    save_file(tensors, path, {"timbresep-ddsp": json.dumps(header)})
    with pytest.raises(CheckpointError, match="expected"):
        DdspModel.load(path)
    header["config"] = {"chanels": 8}
    save_file(tensors, path, {"timbresep-ddsp": json.dumps(header)})
    with pytest.raises(CheckpointError, match="description is incomplete"):
        DdspModel.load(path)
    model.save(path, {})
    tensors["extra"] = torch.zeros(1)
    header["config"] = vars(TINY)
    save_file(tensors, path, {"timbresep-ddsp": json.dumps(header)})
    with pytest.raises(CheckpointError, match="extra"):
        DdspModel.load(path)
