"""Asteroid's networks with FiLM in their maskers: what only they promise, and every use of them.

That they keep the contract of backbones is in `test_asteroid_contract.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import cli
from timbresep import audio, checkpoint, hookspecs
from timbresep.adaptation import films
from timbresep.errors import ConfigError, MissingToolError, TrainingError
from timbresep.hookspecs import Argument
from timbresep.registry.registry import Registry
from timbresep.training.loop import fit
from tiny_runs import RATE, request, silent, write_tones

needs_asteroid = pytest.mark.skipif(find_spec("asteroid") is None, reason="needs asteroid")

SHORT = {"n_filters": 32, "kernel_size": 64, "stride": 32, "bn_chan": 12, "embedding": 10}
SMALL: dict[str, dict[str, Argument]] = {
    "asteroid_convtasnet": {**SHORT, "hid_chan": 16, "n_blocks": 2, "n_repeats": 3},
    "asteroid_dprnn": {**SHORT, "hid_size": 8, "chunk_size": 10, "n_repeats": 3},
    "asteroid_sudormrf": {
        **{"n_filters": 24, "kernel_size": 64, "bn_chan": 12, "num_blocks": 3},
        **{"upsampling_depth": 3, "embedding": 10},
    },
}
CLASSES = {
    "asteroid_convtasnet": "ConvTasNet",
    "asteroid_dprnn": "DPRNNTasNet",
    "asteroid_sudormrf": "SuDORMRFImprovedNet",
}
every_network = pytest.mark.parametrize("name", SMALL)


def made(registry: Registry, name: str, **arguments: Argument) -> nn.Module:
    torch.manual_seed(0)
    spec = registry.backbone(name)
    return spec.make(4, {**spec.defaults, **SMALL[name], **arguments})


@needs_asteroid
@every_network
def test_what_comes_before_film_runs_once_a_mixture(registry: Registry, name: str) -> None:
    model = made(registry, name).eval()
    rows: list[int] = []
    entrance = model.network.masker.get_submodule("ln" if "sudo" in name else "bottleneck")
    for module in (model.network.encoder, entrance.inside):
        module.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    model(torch.randn(2, 2, 4000), torch.rand(2, 5, 4))
    assert rows == [4, 4], "2 mixtures of 2 channels, whatever is asked of them"


@needs_asteroid
@every_network
def test_film_is_after_the_bottleneck_and_after_each_repeat(registry: Registry, name: str) -> None:
    model = made(registry, name)
    assert len(films(model)) == 1 + 3
    assert {film.generator.out_features for film in films(model)} == {2 * 12}


def own_names(model: nn.Module) -> Iterator[str]:
    """Asteroid's names of the weights of a network that has FiLM in it."""
    for name in model.network.state_dict():
        plain = name.replace(".inside", "")
        if "masker.ln." in plain:  # what the entrance of SuDoRM-RF holds: its norm, its bottleneck
            plain = plain.replace("ln.0", "ln").replace("ln.1", "bottleneck")
        elif "masker.bottleneck." in plain:
            plain = plain.replace("bottleneck.0.", "bottleneck.", 1)
        if ".film." not in plain:
            yield plain


@needs_asteroid
@every_network
def test_before_training_it_is_asteroids_own_network(registry: Registry, name: str) -> None:
    """Encoder, masker and decoder are Asteroid's: the same weights give the same stems."""
    from asteroid import models

    model = made(registry, name).eval()
    sizes = {key: value for key, value in SMALL[name].items() if key != "embedding"}
    own = {"skip_chan": None} if "conv" in name else {}
    network = getattr(models, CLASSES[name])
    twin = network(n_src=1, mask_act="sigmoid", sample_rate=44_100, **own, **sizes)
    weights = [w for n, w in model.network.state_dict().items() if ".film." not in n]
    loaded = twin.load_state_dict(dict(zip(own_names(model), weights, strict=True)), strict=False)
    assert not loaded.unexpected_keys
    assert set(loaded.missing_keys) <= {"encoder.filterbank._filters"}, "a second name in SuDoRM-RF"
    x = torch.randn(1, 1, 4000)
    edge = 64 - 32
    expected = twin.eval()(nn.functional.pad(x, (edge, edge)))[..., edge : edge + 4000]
    found = model(x, torch.rand(1, 2, 4))
    torch.testing.assert_close(found, expected[:, None].expand(-1, 2, -1, -1), atol=1e-6, rtol=1e-4)


@needs_asteroid
@pytest.mark.parametrize(
    ("backbone", "wrong"),
    [
        ("asteroid_convtasnet", {"kernel_size": 512, "stride": 513}),
        ("asteroid_convtasnet", {"n_blocks": 40}),
        ("asteroid_dprnn", {"kernel_size": 512, "stride": 513}),
        ("asteroid_dprnn", {"chunk_size": 1}),
        ("asteroid_sudormrf", {"kernel_size": 1}),
        ("asteroid_sudormrf", {"upsampling_depth": 40}),
    ],
)
def test_sizes_that_cannot_compute_are_not_built(
    registry: Registry, backbone: str, wrong: dict[str, int]
) -> None:
    with pytest.raises(ConfigError, match=list(wrong)[-1]):
        registry.backbone(backbone).make(4, wrong)


@needs_asteroid
def test_sizes_that_cannot_be_are_told(registry: Registry, tmp_path: Path) -> None:
    for wrong, reason in (
        ({"n_repeats": 0}, "n_repeats must be from 1 to"),
        ({"n_filters": 10**6}, "n_filters must be from 1 to"),
    ):
        asked = request(tmp_path, tmp_path / "run", backbone="asteroid_convtasnet", arguments=wrong)
        with pytest.raises(TrainingError, match=reason):
            fit(registry, asked, silent)


@needs_asteroid
@every_network
def test_a_resumed_run_is_the_uninterrupted_one(
    registry: Registry, tones: Path, tmp_path: Path, name: str
) -> None:
    small = {"backbone": name, "arguments": SMALL[name], "max_steps": 4, "validate_every": 2}
    whole = fit(registry, request(tones, tmp_path / "whole", **small), silent)

    def stop(share: float, text: str) -> None:
        if "valid" in text and share < 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(registry, request(tones, tmp_path / "cut", **small), stop)
    resumed = fit(registry, request(tones, tmp_path / "cut", **small, resume=True), silent)
    one = checkpoint.load(whole.last, registry.backbone).model.state_dict()
    two = checkpoint.load(resumed.last, registry.backbone).model.state_dict()
    assert all(torch.equal(two[key], value) for key, value in one.items())


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tones")
    return write_tones(root, {"bass": 100.0, "violin": 600.0, "flute": 2500.0})


@needs_asteroid
@every_network
def test_every_command_takes_it_by_name(tones: Path, tmp_path: Path, name: str) -> None:
    """Train with an instrument held out, export, separate, adapt to the other, ablate."""

    def run(*command: str | Path) -> None:
        assert cli.main([*map(str, command), "--device", "cpu"]) == 0, command

    short = ["--max-steps", "2", "--batch-size", "2", "--seconds", "0.5", "--workers", "0"]
    data = ["--data", f"tones={tones}", *short]
    sizes = [part for key, size in SMALL[name].items() for part in ("--set", f"{key}={size}")]
    first, second, small = (tmp_path / part for part in ("first", "second", "small.safetensors"))
    asked = ["--plugin", "bass,flute,violin", "--hold-out", "violin", "--backbone", name, *sizes]
    run("train", *asked, *data, "--out", first)
    assert cli.main(["export", str(first / "best.safetensors"), str(small)]) == 0
    run("adapt", "--plugin", "violin", "--checkpoint", small, *data, "--out", second)
    audio.write(tmp_path / "song.wav", np.float32(np.random.default_rng(0).random((2, RATE))), RATE)
    asked = ["-i", "violin,flute", "--checkpoint", str(second / "best.safetensors")]
    run("separate", tmp_path / "song.wav", *asked, "-o", tmp_path / "stems")
    stems = sorted((tmp_path / "stems").rglob("*.wav"))
    assert [stem.stem for stem in stems] == ["flute", "violin"]
    assert all(audio.read(stem)[0].shape == (2, RATE) for stem in stems)
    run("ablate", second / "best.safetensors", tones, "-o", tmp_path / "ablation")
    about = checkpoint.read_metadata(second / "best.safetensors")
    assert (about.backbone, about.adapted) == (name, ["violin"])


def test_without_the_package_it_is_a_row_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = hookspecs.find_spec
    monkeypatch.setattr(hookspecs, "find_spec", lambda m: None if m == "asteroid" else found(m))
    registry = Registry.load()
    rows = {row.name: row for row in registry.rows()}
    for name in SMALL:
        assert "needs `pip install asteroid" in rows[name].detail
        with pytest.raises(MissingToolError, match=f"'{name}' needs `pip install asteroid"):
            registry.backbone(name).make(4, {})
    command = ["train", "--plugin", "violin", "--backbone", "asteroid_dprnn"]
    assert cli.main([*command, "--out", str(tmp_path / "run")]) != 0
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert "needs `pip install asteroid" in told[0]
