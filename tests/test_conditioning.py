"""What may steer a network besides harmonic conditions, and instruments kept out of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import cli
from fakes import PLAIN
from timbresep import checkpoint
from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.errors import CheckpointError, TimbresepError, TrainingError
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.tracks import tracks_in
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.training.labels import FixedConditions, LearnedConditions, labels
from timbresep.training.loop import TrainResult, fit
from timbresep.training.run import TrainingRun
from tiny_runs import RATE, TINY, request, silent, write_tones

MODES = ("onehot", "learned", "none")


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tracks of three instruments."""
    root = tmp_path_factory.mktemp("tones")
    return write_tones(root, {"bass": 100.0, "violin": 600.0, "flute": 2500.0})


@pytest.fixture(scope="module")
def runs(
    registry: Registry, tones: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, TrainResult]:
    """A training of each mode, from the same seed."""
    out = tmp_path_factory.mktemp("runs")
    return {
        mode: fit(registry, request(tones, out / mode, max_steps=60, conditioning=mode), silent)
        for mode in MODES
    }


def run_of(registry: Registry, tones: Path, out: Path, mode: str) -> TrainingRun:
    return TrainingRun(request(tones, out, max_steps=1, conditioning=mode).resolve(registry))


def test_labels_are_as_long_as_the_conditions_that_they_replace() -> None:
    harmonic = {"one": np.float32([0, 3, 4, 0]), "two": np.float32([0, 0, 0, 1])}
    onehot = labels("onehot", harmonic)
    rows = np.stack(list(onehot.values()))
    np.testing.assert_allclose(rows @ rows.T, 9 * np.eye(2), atol=1e-5)
    assert (np.abs(rows) > 1e-3).all(), "turned: no value is the same for all instruments"
    assert rows.dtype == np.float32
    assert not np.any(list(labels("none", harmonic).values()))
    with pytest.raises(TrainingError, match="3 instruments do not fit into 2"):
        labels("onehot", dict.fromkeys("abc", np.zeros(2, np.float32)))


def test_learned_conditions_begin_as_long_as_harmonic_ones(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    run = run_of(registry, tones, tmp_path, "learned")
    assert isinstance(run.model, LearnedConditions)
    found = np.linalg.norm(run.model.vectors(), axis=1)
    own = [np.linalg.norm(item.condition()) for item in registry.instruments(["bass", "flute"])]
    np.testing.assert_allclose(found, np.mean(own), rtol=0.2)


@pytest.mark.parametrize("mode", ["onehot", "learned"])
def test_labels_tell_known_instruments_apart(runs: dict[str, TrainResult], mode: str) -> None:
    assert all(row["si_sdr_improvement"] > 6 for row in runs[mode].scores.values())


def test_without_information_there_is_one_output_for_all(
    registry: Registry, runs: dict[str, TrainResult]
) -> None:
    separator = open_separator(checkpoint=runs["none"].last, registry=registry, options=PLAIN)
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    stems = separator.separate(noise, RATE)
    assert np.array_equal(stems["bass"], stems["flute"])
    assert stems["bass"].any()


def test_the_network_is_the_same_but_for_its_conditions(
    registry: Registry, runs: dict[str, TrainResult], tones: Path, tmp_path: Path
) -> None:
    harmonic = TrainingRun(request(tones, tmp_path, max_steps=1).resolve(registry)).model
    shapes = {name: tensor.shape for name, tensor in harmonic.state_dict().items()}
    for mode, result in runs.items():
        loaded = checkpoint.load(result.last, registry.backbone)
        assert loaded.metadata.conditioning == mode
        found = {name: tensor.shape for name, tensor in loaded.model.state_dict().items()}
        assert found == shapes
        fresh = run_of(registry, tones, tmp_path, mode)
        first = getattr(fresh.model, "network", fresh.model).state_dict()
        for name, tensor in harmonic.state_dict().items():
            torch.testing.assert_close(first[name], tensor, rtol=0, atol=0)


def test_learned_conditions_move_and_are_in_the_checkpoint(
    registry: Registry, runs: dict[str, TrainResult], tones: Path, tmp_path: Path
) -> None:
    found = np.stack(
        list(checkpoint.load(runs["learned"].last, registry.backbone).conditions.values())
    )
    run = run_of(registry, tones, tmp_path, "learned")
    assert isinstance(run.model, LearnedConditions)
    before = run.model.vectors()
    moved = np.abs(found - before).max(axis=1)
    assert (moved > 0.01).all(), "each instrument's vector is trained"
    onehot = checkpoint.load(runs["onehot"].last, registry.backbone).conditions
    directions = np.stack([vector / np.linalg.norm(vector) for vector in onehot.values()])
    np.testing.assert_allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_labels_say_nothing_about_a_new_instrument(
    registry: Registry, runs: dict[str, TrainResult], mode: str
) -> None:
    with pytest.raises(
        CheckpointError, match=f"'{mode}'.*nothing about 'violin'.*it knows bass, fl"
    ):
        open_separator(["bass", "violin"], checkpoint=runs[mode].last, registry=registry)
    assert open_separator(["flute"], checkpoint=runs[mode].last, registry=registry).asked == (
        "flute",
    )


def test_a_resumed_run_of_learned_conditions_is_the_uninterrupted_one(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    options = {"max_steps": 6, "validate_every": 3, "conditioning": "learned"}
    whole = fit(registry, request(tones, tmp_path / "whole", **options), silent)

    def stop(share: float, text: str) -> None:
        if "valid" in text and share < 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(registry, request(tones, tmp_path / "cut", **options), stop)
    other = request(tones, tmp_path / "cut", resume=True, **{**options, "conditioning": "onehot"})
    with pytest.raises(TrainingError, match="conditioning = learned, not onehot"):
        fit(registry, other, silent)
    resumed = fit(registry, request(tones, tmp_path / "cut", resume=True, **options), silent)
    one, two = (checkpoint.load(result.last, registry.backbone) for result in (whole, resumed))
    for name, vector in one.conditions.items():
        np.testing.assert_allclose(two.conditions[name], vector, rtol=1e-5, atol=1e-6)


def test_labels_do_not_go_on_in_another_run(
    registry: Registry, runs: dict[str, TrainResult], tones: Path, tmp_path: Path
) -> None:
    for mode in ("onehot", "harmonic"):
        again = request(tones, tmp_path, start_from=runs["onehot"].last, conditioning=mode)
        with pytest.raises(TrainingError, match="has onehot conditions"):
            fit(registry, again, silent)


def test_an_instrument_held_out_accompanies_and_can_be_asked_for(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    everyone = ("bass", "flute", "violin")
    asked = request(tones, tmp_path, instruments=everyone, hold_out=("fiddle",), max_steps=2)
    run = TrainingRun(asked.resolve(registry))
    assert run.data.names == ["bass", "flute"]
    dataset = MixtureDataset(
        run.data.train,
        run.data.names,
        run.data.config,
        size=20,
        seed=0,
        conditions=FixedConditions(run.data.stored),
    )
    heard = 0
    for item in (dataset[k] for k in range(20)):
        rest = (item["mixture"] - item["targets"].sum(dim=0))[0]
        heard += bool(rest.abs().max() > 0.01)
    assert heard > 5, "mixtures hold what is no target"
    result = fit(registry, asked, silent)
    metadata = checkpoint.read_metadata(result.last)
    assert (metadata.instruments, metadata.hold_out) == (["bass", "flute"], ["violin"])
    separator = open_separator(["bass", "fiddle"], checkpoint=result.last, registry=registry)
    tracks = tracks_in(tones, registry.instruments())
    rows = evaluate(separator, tracks).rows
    assert sum((row.instrument, row.method) == ("violin", "separator") for row in rows) == 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"hold_out": ("flute", "bass")}, "every instrument is held out: flute, bass"),
        ({"hold_out": ("obo",)}, "no instrument named 'obo'"),
    ],
)
def test_impossible_hold_outs(
    registry: Registry, tones: Path, tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    with pytest.raises(TimbresepError, match=reason):
        fit(registry, request(tones, tmp_path, **options), silent)


def test_the_command(tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    command = ["train", "-p", "bass,flute,violin", "--data", f"tones={tones}", "--device", "cpu"]
    command += ["--seconds", "0.5", "--batch-size", "2", "--workers", "0", "--max-steps", "1"]
    command += [item for name, value in TINY.items() for item in ("--set", f"{name}={value}")]
    command += ["--hold-out", "fiddle", "--conditioning", "onehot", "--out", str(out)]
    assert cli.main(command) == 0
    metadata = checkpoint.read_metadata(out / "best.safetensors")
    assert (metadata.conditioning, metadata.hold_out) == ("onehot", ["violin"])
    assert metadata.instruments == ["bass", "flute"]
    capsys.readouterr()
    song = str(tones / "track0" / "bass.wav")
    asked = ["separate", song, "-i", "piano", "--checkpoint", str(out / "best.safetensors")]
    assert cli.main([*asked, "-o", str(tmp_path / "stems")]) == 1
    said = capsys.readouterr().err.strip()
    assert "was trained with 'onehot' conditions, which say nothing about 'piano'" in said
    assert len(said.splitlines()) == 1


def test_what_the_first_weights_know_is_not_held_out(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    first = fit(registry, request(tones, tmp_path / "1", max_steps=1), silent)
    base = {"arguments": {}, "max_steps": 1, "start_from": first.last}
    knows = request(tones, tmp_path / "2", instruments=("flute",), hold_out=("bass",), **base)
    with pytest.raises(TrainingError, match=r"'bass' cannot be held out: .* was trained on it"):
        fit(registry, knows, silent)
    second = fit(registry, request(tones, tmp_path / "3", instruments=("flute",), **base), silent)
    base["start_from"] = second.last
    may_know = request(tones, tmp_path / "4", instruments=("flute",), hold_out=("bass",), **base)
    with pytest.raises(TrainingError, match="may have been trained on it"):
        fit(registry, may_know, silent)
