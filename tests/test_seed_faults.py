"""The seed project's conditioning never worked, for six reasons. Each is a test here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from dataset_trees import read_stems
from timbresep import checkpoint
from timbresep.checkpoint import KEY, Metadata
from timbresep.condition.reference import from_files
from timbresep.condition.vector import DIM
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.ddsp.features import extract
from timbresep.errors import AudioError, CheckpointError
from timbresep.film import FiLM
from timbresep.registry.registry import Registry

SMALL = {"n_fft": 512, "hop": 256, "bands": 60, "width": 12, "hidden": 8, "layers": 1}


def tone(seconds: float, rate: int = 16_000, hz: float = 440.0) -> np.ndarray:
    """A harmonic note with a soft start and end."""
    time = np.arange(int(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 6))
    return (0.2 * wave * np.clip(20 * np.minimum(time, seconds - time), 0, 1)).astype(np.float32)


def solo(folder: Path, seconds: float, rate: int = 16_000, gain: float = 1.0) -> list[Path]:
    """Recordings of four notes of one instrument."""
    folder.mkdir()
    paths = [folder / f"{hz}.wav" for hz in (330, 440, 550, 660)]
    for path in paths:
        soundfile.write(path, gain * tone(seconds, rate, float(path.stem)), rate, "FLOAT")
    return paths


def test_1_the_condition_is_a_timbre_vector_of_fixed_length(
    registry: Registry, tmp_path: Path
) -> None:
    """The seed's was the course of one raw logit over time: as long as the note."""
    short = from_files(solo(tmp_path / "short", 0.8))
    long = from_files(solo(tmp_path / "long", 2.4, gain=0.1))
    flute = registry.instruments(["flute"])[0]
    assert short.shape == long.shape == flute.condition().shape == (DIM,)
    np.testing.assert_allclose(short, long, atol=0.02)


def test_2_sample_rates_are_kept(tmp_path: Path) -> None:
    """The seed fed audio at 22.05 kHz to models of 16 kHz."""
    usual = from_files(solo(tmp_path / "usual", 1.0))
    other = from_files(solo(tmp_path / "other", 1.0, 22_050))
    np.testing.assert_allclose(other, usual, atol=0.02)
    with pytest.raises(AudioError, match=r"22.?050"):
        extract(tone(1, 22_050), 22_050, (262.0, 2093.0))


def test_3_film_acts_on_features_before_the_rnn(registry: Registry) -> None:
    """The seed's acted on the time axis, the same for every frequency."""
    model = registry.backbone("rnn_mask").build(5, **SMALL).eval()
    torch.nn.init.normal_(model.film.generator.weight)
    x = torch.ones(1, 1, 7, 12)
    out = model.film(x, torch.rand(1, 1, 5))
    assert torch.equal(out, out[:, :, :1].expand_as(out))
    assert out[0, 0, 0].std() > 0
    order: list[str] = []
    model.film.register_forward_hook(lambda *_: order.append("film"))
    model.rnn.register_forward_hook(lambda *_: order.append("rnn"))
    model(torch.randn(1, 1, 4000), torch.rand(1, 1, 5))
    assert order == ["film", "rnn"]


def test_4_film_is_trained(registry: Registry) -> None:
    """The seed's was made in forward, after the optimizer: it never learned."""
    model = registry.backbone("rnn_mask").build(5, **SMALL)
    films = [module for module in model.modules() if isinstance(module, FiLM)]
    assert len(films) == 2
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    before = [p.detach().clone() for film in films for p in film.parameters()]
    model(torch.randn(2, 1, 4000), torch.rand(2, 3, 5)).square().mean().backward()
    optimizer.step()
    after = [p for film in films for p in film.parameters()]
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_5_checkpoints_load_strictly_and_carry_conditions(
    registry: Registry, tmp_path: Path
) -> None:
    """The seed loaded with strict=False: FiLM's weights were dropped and drawn anew."""
    model = registry.backbone("rnn_mask").build(5, **SMALL)
    path = tmp_path / "some.safetensors"
    metadata = Metadata(
        backbone="rnn_mask",
        arguments=SMALL,
        instruments=["oboe"],
        condition_version=1,
        sample_rate=44_100,
        channels=2,
    )
    vector = np.linspace(0, 1, 5, dtype=np.float32)
    checkpoint.save(path, model, {"oboe": vector}, metadata)
    assert np.array_equal(checkpoint.load(path, registry.backbone).conditions["oboe"], vector)
    tensors = load_file(path)
    del tensors["model.film.generator.weight"]
    save_file(tensors, path, {KEY: metadata.model_dump_json()})
    with pytest.raises(CheckpointError, match=r"film\.generator\.weight"):
        checkpoint.load(path, registry.backbone)


def test_6_targets_are_picked_by_name(tmp_path: Path) -> None:
    """The seed took an index into a sorted list and got the accompaniment."""
    (tmp_path / "track").mkdir()
    soundfile.write(tmp_path / "track" / "accompaniment.wav", tone(2, 44_100, 110), 44_100)
    soundfile.write(tmp_path / "track" / "violin.wav", tone(2, 44_100, 880), 44_100)
    config = MixConfig(seconds=1, channels=1, targets=1).plain()
    tracks = read_stems(tmp_path)
    zeros = np.zeros(5, np.float32)
    dataset = MixtureDataset(
        tracks, ["violin"], config, size=4, seed=0, conditions=lambda *_: zeros
    )
    for k in range(4):
        item = dataset[k]
        spectrum = torch.fft.rfft(item["targets"][0, 0]).abs()
        assert abs(int(spectrum.argmax()) - 880) <= 1, "1 s: a bin is 1 Hz"
        assert (item["mixture"] - item["targets"][0]).abs().max() > 0.01, "there is accompaniment"
