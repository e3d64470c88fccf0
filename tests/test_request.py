"""A request and the registry make one object that says all of a run, before anything is built."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
import torch

from timbresep import checkpoint
from timbresep.checkpoint import Metadata
from timbresep.errors import ConfigError, TrainingError
from timbresep.registry.registry import Registry
from timbresep.training.request import RunSettings, TrainRequest
from tiny_runs import TINY


def test_the_registrys_defaults_are_in_effect_where_nothing_is_asked(registry: Registry) -> None:
    settings = TrainRequest(instruments=("fiddle",), out=Path("run")).resolve(registry)
    defaults = registry.config.training
    assert [item.name for item in settings.instruments] == ["violin"]
    assert settings.everyone == tuple(registry.instruments())
    assert settings.spec.name == defaults.backbone
    assert settings.arguments == {**settings.spec.defaults, **defaults.arguments}
    for name in ("batch_size", "workers", "learning_rate", "max_steps", "validate_every"):
        assert getattr(settings, name) == getattr(defaults, name), name
    for name in ("seconds", "channels", "targets"):
        assert getattr(settings.mix, name) == getattr(defaults, name), name
    undecided = {"max_minutes", "start_from", "sources"}  # where None is an answer
    assert {f.name for f in fields(settings) if getattr(settings, f.name) is None} == undecided
    with pytest.raises(FrozenInstanceError):
        settings.seed = 1  # type: ignore[misc]


def test_what_is_asked_goes_before_the_defaults(registry: Registry) -> None:
    request = TrainRequest(
        instruments=("violin", "flute"),
        hold_out=("flute",),
        out=Path("run"),
        backbone="unet_mask",
        arguments={"width": 6},
        mix={"coherent_share": 0.9, "channels": 2},
        seconds=3.0,
        workers=0,
        batch_size=2,
    )
    settings = request.resolve(registry)
    assert ([item.name for item in settings.instruments], settings.hold_out) == (
        ["violin"],
        ("flute",),
    )
    assert settings.spec.name == "unet_mask"
    assert settings.arguments["width"] == 6
    mix = settings.mix
    assert (mix.coherent_share, mix.channels, mix.seconds) == (0.9, 2, 3.0)
    assert (settings.workers, settings.batch_size) == (0, 2)


@pytest.fixture
def start(registry: Registry, tmp_path: Path) -> Path:
    """A checkpoint of the violin, with arguments of its own."""
    torch.manual_seed(0)
    model = registry.backbone("rnn_mask").make(5, TINY)
    about = Metadata(
        backbone="rnn_mask",
        arguments={**TINY, "second": 0},  # as it was once called
        instruments=["violin"],
        condition_version=1,
        sample_rate=44_100,
        channels=2,
    )
    path = tmp_path / "start.safetensors"
    checkpoint.save(path, model, {"violin": torch.zeros(5).numpy()}, about)
    return path


def resolved(registry: Registry, start: Path, **options: object) -> RunSettings:
    given = {"instruments": ("violin",), "out": Path("run"), "start_from": start, **options}
    return TrainRequest(**given).resolve(registry)  # type: ignore[arg-type]


def test_the_first_weights_bring_their_network(registry: Registry, start: Path) -> None:
    settings = resolved(registry, start, arguments={"hidden": 8})
    assert settings.arguments == {**TINY, "refinement": 0, "hidden": 8}
    with pytest.raises(TrainingError, match="is a 'rnn_mask', not a 'unet_mask'"):
        resolved(registry, start, backbone="unet_mask")
    with pytest.raises(TrainingError, match="'violin' cannot be held out"):
        resolved(registry, start, instruments=("flute",), hold_out=("violin",))


def test_the_sample_rate_is_the_networks(registry: Registry, start: Path) -> None:
    with pytest.raises(ConfigError, match="sample rate of the network"):
        resolved(registry, start, mix={"rate": 8000})
