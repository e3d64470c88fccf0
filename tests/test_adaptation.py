"""Adapting one instrument leaves every other one as it was, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import cli
from fakes import JOINT, PLAIN
from timbresep import checkpoint
from timbresep.adaptation import addressed
from timbresep.errors import CheckpointError, ConfigError, TrainingError
from timbresep.film import FiLM
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.separator import Separator
from timbresep.training.loop import fit
from timbresep.training.request import TrainRequest
from timbresep.training.run import TrainingRun
from tiny_runs import RATE, TINY, request, silent, write_tones

KNOWN = ["bass", "flute"]


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tones")
    return write_tones(root, {"bass": 100.0, "violin": 600.0, "flute": 2500.0})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def parent(registry: Registry, tones: Path, folder: Path) -> Path:
    """A separator that knows bass and flute."""
    return fit(registry, request(tones, folder / "parent", max_steps=40), silent).last


@pytest.fixture(scope="module")
def adapted(registry: Registry, tones: Path, folder: Path, parent: Path) -> Path:
    """The same, adapted to the violin, which was none of its targets."""
    return adapt(registry, tones, folder / "violin", parent, "violin")


def adapt(
    registry: Registry, tones: Path, out: Path, start: Path, name: str, **options: object
) -> Path:
    return fit(registry, adaptation(tones, out, start, name, **options), silent).last


def adaptation(tones: Path, out: Path, start: Path, name: str, **options: object) -> TrainRequest:
    given: dict[str, object] = {
        "instruments": (name,),
        "arguments": {},
        "adapt": True,
        "start_from": start,
        "learning_rate": 0.05,
        "max_steps": 30,
    }
    return request(tones, out, **{**given, **options})


def stems(
    registry: Registry,
    path: Path,
    names: list[str],
    channels: int = 2,
    joint: bool = False,
) -> dict[str, bytes]:
    """What a checkpoint makes of three seconds of noise and tones, bit for bit."""
    rng = np.random.default_rng(0)
    time = np.arange(3 * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * hz * time) for hz in (100, 600, 2500))
    wave = (0.1 * tones + 0.02 * rng.standard_normal((channels, len(time)))).astype(np.float32)
    options = JOINT if joint else PLAIN
    separator = open_separator(names, checkpoint=path, registry=registry, options=options)
    return {name: x.tobytes() for name, x in separator.separate(wave, RATE).items()}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("joint", [False, True])
def test_the_others_stay_bit_identical(
    registry: Registry, parent: Path, adapted: Path, channels: int, joint: bool
) -> None:
    def made(path: Path, names: list[str]) -> dict[str, bytes]:
        return stems(registry, path, names, channels, joint)

    assert made(parent, KNOWN) == made(adapted, KNOWN)
    everyone = [*KNOWN, "violin"]
    before = made(parent, everyone)  # the violin by the plugin's condition alone
    after = made(adapted, everyone)
    assert {name: after[name] == before[name] for name in everyone} == {
        "bass": True,
        "flute": True,
        "violin": False,
    }


def test_adapting_steers_to_the_instrument(
    registry: Registry, parent: Path, tmp_path: Path
) -> None:
    """A violin that sounds where the network knows the bass: its condition leads elsewhere."""
    tones = write_tones(tmp_path / "tones", {"violin": 100.0, "flute": 2500.0})
    asked = adaptation(tones, tmp_path, parent, "violin")
    wrong = TrainingRun(asked.resolve(registry)).validate()
    assert wrong["violin"]["si_sdr_improvement"] < 0
    path = adapt(registry, tones, tmp_path / "run", parent, "violin", max_steps=100)
    assert checkpoint.read_metadata(path).scores["violin"]["si_sdr_improvement"] > 10
    assert stems(registry, parent, KNOWN) == stems(registry, path, KNOWN)


def test_the_checkpoint_tells_what_was_adapted(parent: Path, adapted: Path) -> None:
    before, after = checkpoint.read_metadata(parent), checkpoint.read_metadata(adapted)
    assert (before.adapted, after.adapted) == ([], ["violin"])
    assert after.instruments == [*KNOWN, "violin"]
    assert after.scores["flute"] == before.scores["flute"]
    assert after.training["earlier_steps"] == 40
    weights, more = checkpoint.read_tensors(parent), checkpoint.read_tensors(adapted)
    assert all(torch.equal(more[name], x) for name, x in weights.items() if name != "conditions")
    added = set(more) - set(weights)
    assert added == {"model.film.own.0", "model.film_after.own.0"}


def test_a_second_adaptation_leaves_the_first(
    registry: Registry, tones: Path, adapted: Path, tmp_path: Path
) -> None:
    second = adapt(registry, tones, tmp_path / "bass", adapted, "bass")
    metadata = checkpoint.read_metadata(second)
    assert (metadata.instruments, metadata.adapted) == ([*KNOWN, "violin"], ["violin", "bass"])
    names = [*KNOWN, "violin"]
    for joint in (True, False):
        before, after = (stems(registry, x, names, 2, joint) for x in (adapted, second))
        assert before["bass"] != after["bass"]
        assert (before["flute"], before["violin"]) == (after["flute"], after["violin"])
    again = adapt(registry, tones, tmp_path / "violin", second, "violin", max_steps=2)
    assert checkpoint.read_metadata(again).adapted == ["violin", "bass"], "it keeps its place"
    third = stems(registry, again, names)
    assert (third["flute"], third["bass"]) == (after["flute"], after["bass"])
    assert third["violin"] != after["violin"]


def test_an_instrument_that_it_was_not_trained_on_has_no_modulations(
    registry: Registry, parent: Path, adapted: Path
) -> None:
    assert stems(registry, parent, ["piano"]) == stems(registry, adapted, ["piano"])


def test_export_keeps_the_adaptation(registry: Registry, adapted: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.safetensors"
    checkpoint.export(adapted, small, registry.backbone)
    loaded = checkpoint.load(small, registry.backbone)
    film = next(module for module in loaded.model.modules() if isinstance(module, FiLM))
    assert film.own[0].any()
    assert loaded.metadata.adapted == ["violin"]


def test_training_on_from_an_adapted_separator_leaves_the_adaptation_behind(
    registry: Registry, tones: Path, parent: Path, adapted: Path, tmp_path: Path
) -> None:
    names = ("bass", "flute", "violin")
    options = {"instruments": names, "arguments": {}, "start_from": adapted, "max_steps": 1}
    run = TrainingRun(request(tones, tmp_path, **options).resolve(registry))
    own = checkpoint.load(parent, registry.backbone).model.state_dict()
    assert set(run.model.state_dict()) == set(own)
    for name, tensor in own.items():
        torch.testing.assert_close(run.model.state_dict()[name], tensor, rtol=0, atol=0)


def test_a_resumed_adaptation_is_the_uninterrupted_one(
    registry: Registry, tones: Path, parent: Path, tmp_path: Path
) -> None:
    options = {"max_steps": 6, "validate_every": 3}

    def stop(share: float, text: str) -> None:
        if "valid" in text and share < 1:
            raise KeyboardInterrupt

    whole = adapt(registry, tones, tmp_path / "whole", parent, "violin", **options)
    with pytest.raises(KeyboardInterrupt):
        fit(registry, adaptation(tones, tmp_path / "cut", parent, "violin", **options), stop)
    with pytest.raises(TrainingError, match="adapt = violin, not bass"):
        adapt(registry, tones, tmp_path / "cut", parent, "bass", resume=True, **options)
    cut = adapt(registry, tones, tmp_path / "cut", parent, "violin", resume=True, **options)
    one, two = checkpoint.read_tensors(whole), checkpoint.read_tensors(cut)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-6, rtol=1e-5, msg=name)


def test_a_condition_says_whose_it_is() -> None:
    vector = np.float32([0.5, 0.25])
    assert np.array_equal(addressed(vector, [], "oboe"), vector)
    assert np.array_equal(addressed(vector, ["harp", "oboe"], "oboe"), [0.5, 0.25, 0, 1])
    assert np.array_equal(addressed(vector, ["harp"], "oboe"), [0.5, 0.25, 0])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"instruments": ("bass", "violin")}, "one instrument is adapted at a time, not bass, vio"),
        ({"start_from": None}, "nothing to adapt"),
        ({"arguments": TINY}, "adapting leaves the network as it is"),
        ({"hold_out": ("bass",)}, "adapting leaves the network as it is"),
    ],
)
def test_impossible_adaptations(
    registry: Registry,
    tones: Path,
    parent: Path,
    tmp_path: Path,
    options: dict[str, object],
    reason: str,
) -> None:
    with pytest.raises(TrainingError, match=reason):
        fit(registry, adaptation(tones, tmp_path, parent, "violin", **options), silent)


def test_the_command(
    tones: Path, parent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["adapt", "--checkpoint", str(parent), "--data", f"tones={tones}", "--device", "cpu"]
    command += ["--seconds", "0.5", "--batch-size", "2", "--workers", "0", "--max-steps", "1"]
    assert cli.main([*command, "--plugin", "fiddle", "--out", str(out)]) == 0
    assert str(out / "best.safetensors") in capsys.readouterr().out
    assert checkpoint.read_metadata(out / "best.safetensors").adapted == ["violin"]
    assert cli.main([*command, "--plugin", "bass,violin"]) == 1
    assert "one instrument is adapted at a time" in capsys.readouterr().err
    assert cli.main([*command, "--plugin", "violin", "--separator", "universal"]) == 1
    assert "exclude each other" in capsys.readouterr().err


def test_labels_cannot_be_adapted(registry: Registry, tones: Path, tmp_path: Path) -> None:
    onehot = request(tones, tmp_path / "onehot", max_steps=1, conditioning="onehot")
    start = fit(registry, onehot, silent).last
    with pytest.raises(TrainingError, match="has onehot conditions"):
        adapt(registry, tones, tmp_path / "violin", start, "violin")


def test_a_damaged_adaptation_is_told(registry: Registry, adapted: Path, tmp_path: Path) -> None:
    loaded = checkpoint.load(adapted, registry.backbone)
    before = loaded.metadata.model_dump()
    for adapted_to, error in ((["violin", "flute"], CheckpointError), (["oboe"], ConfigError)):
        damaged = checkpoint.Metadata.model_construct(**{**before, "adapted": adapted_to})
        path = tmp_path / f"{adapted_to[-1]}.safetensors"
        checkpoint.save(path, loaded.model, loaded.conditions, damaged)
        with pytest.raises(error, match=r"own\.1' is missing|none of its instruments"):
            checkpoint.load(path, registry.backbone)


def test_another_instruments_condition_brings_its_modulations(
    registry: Registry, adapted: Path
) -> None:
    loaded = checkpoint.load(adapted, registry.backbone)
    alone = Separator(loaded, {"unknown": loaded.conditions["violin"]})
    noise = 0.1 * np.random.default_rng(1).standard_normal((1, RATE)).astype(np.float32)
    found = alone.separate(noise, RATE, ["violin", "unknown"])
    assert not np.array_equal(found["violin"], found["unknown"]), "the vector is not all of it"


def test_a_network_that_knows_nothing_of_adaptation_is_adapted(tones: Path, tmp_path: Path) -> None:
    """A plugin's backbone with an encoder of its own gets the values that it was promised."""
    plugin = tmp_path / "plugins" / "own_encoder"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text(
        "from timbresep.hookspecs import hookimpl\n"
        "from test_backbones import TestThirdParty\n"
        "@hookimpl\n"
        "def timbresep_backbones():\n"
        "    return [TestThirdParty.spec]\n"
    )
    registry = Registry.load([plugin.parent], trust=True)
    theirs = {"backbone": "own_encoder", "arguments": {}, "max_steps": 4}
    start = fit(registry, request(tones, tmp_path / "parent", **theirs), silent).last
    violin = adapt(registry, tones, tmp_path / "violin", start, "violin", max_steps=4)
    before, after = (stems(registry, path, [*KNOWN, "violin"]) for path in (start, violin))
    assert [name for name in before if before[name] != after[name]] == ["violin"]
