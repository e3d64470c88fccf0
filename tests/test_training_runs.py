"""The trainer learns, resumes exactly, guards against NaN and never overwrites a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from timbresep import checkpoint
from timbresep.condition.vector import as_version, length
from timbresep.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    OutputExistsError,
    TrainingError,
)
from timbresep.film import FiLM
from timbresep.registry.registry import Registry
from timbresep.training.loop import fit
from timbresep.training.parent import Parent
from timbresep.training.run import TrainingRun
from timbresep.training.trial import try_step
from tiny_runs import TINY, request, silent, write_tones


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("tones"))


def test_one_network_learns_two_instruments(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    shares: list[float] = []
    result = fit(
        registry,
        request(tones, tmp_path / "run", max_steps=60),
        lambda share, _: shares.append(share),
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert set(result.scores) == {"bass", "flute"}
    assert all(row["si_sdr_improvement"] > 6 for row in result.scores.values()), result.scores
    loaded = checkpoint.load(result.best, registry.backbone)
    bass, flute = registry.instruments(["bass", "flute"])
    assert np.array_equal(loaded.conditions["bass"], bass.condition())
    assert np.array_equal(loaded.conditions["flute"], flute.condition())
    assert loaded.metadata.ledger[0]["licence"] == "CC0"
    assert loaded.metadata.training["steps"] == 60
    assert list((tmp_path / "run" / "log").glob("events*")), "TensorBoard log"
    with pytest.raises(OutputExistsError, match="--resume"):
        fit(registry, request(tones, tmp_path / "run", max_steps=60), silent)


def test_a_resumed_run_is_the_uninterrupted_one(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    whole = fit(registry, request(tones, tmp_path / "whole", max_steps=8, validate_every=4), silent)

    class InterruptionError(Exception):
        pass

    def stop(share: float, text: str) -> None:
        if "valid" in text and share < 1:
            raise InterruptionError

    cut = request(tones, tmp_path / "cut", max_steps=8, validate_every=4)
    with pytest.raises(InterruptionError):
        fit(registry, cut, stop)
    resumed = fit(
        registry,
        request(tones, tmp_path / "cut", max_steps=8, validate_every=4, resume=True),
        silent,
    )
    one = checkpoint.load(whole.last, registry.backbone).model.state_dict()
    two = checkpoint.load(resumed.last, registry.backbone).model.state_dict()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-6, rtol=1e-5, msg=name)
    over = request(tones, tmp_path / "cut", max_steps=8, validate_every=4, resume=True)
    again = fit(registry, over, silent)
    assert again.scores["bass"] == pytest.approx(resumed.scores["bass"]), "it was over"


def test_resuming_with_other_settings_is_refused(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    fit(registry, request(tones, tmp_path, max_steps=2), silent)
    other = request(tones, tmp_path, max_steps=4, resume=True, instruments=("bass",))
    with pytest.raises(TrainingError, match="instruments"):
        fit(registry, other, silent)


def test_a_run_can_start_from_a_checkpoint(registry: Registry, tones: Path, tmp_path: Path) -> None:
    first = fit(registry, request(tones, tmp_path / "first", max_steps=3), silent)
    # No --set: the network is the checkpoint's, not the registry's default.
    second = request(tones, tmp_path / "second", max_steps=2, arguments={}, start_from=first.last)
    run = TrainingRun(second.resolve(registry))
    parent = checkpoint.load(first.last, registry.backbone)
    for name, tensor in parent.model.state_dict().items():
        torch.testing.assert_close(run.model.state_dict()[name], tensor, rtol=0, atol=0)
        torch.testing.assert_close(run.average.module.state_dict()[name], tensor, rtol=0, atol=0)
    metadata = checkpoint.read_metadata(fit(registry, second, silent).last)
    assert metadata.training["earlier_steps"] == 3
    assert "first" not in str(metadata.training["start_from"]), "no path of this machine"
    assert metadata.ledger == parent.metadata.ledger, "the same data is not listed twice"
    third = request(
        tones, tmp_path / "third", arguments={"hidden": 8}, start_from=first.last, max_steps=1
    )
    with pytest.raises(CheckpointError, match="has shape"):
        fit(registry, third, silent)


def test_nothing_to_resume(registry: Registry, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing to resume"):
        fit(registry, request(tones, tmp_path, resume=True), silent)


def test_every_film_parameter_is_in_the_optimizer_and_moves(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    run = TrainingRun(request(tones, tmp_path, max_steps=1).resolve(registry))
    owned = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
    films = [module for module in run.model.modules() if isinstance(module, FiLM)]
    before = [[p.detach().clone() for p in film.parameters()] for film in films]
    run.step(next(run.data.batches(0, 1)), 1e-3)
    for film, old in zip(films, before, strict=True):
        for parameter, was in zip(film.parameters(), old, strict=True):
            assert id(parameter) in owned
            assert not torch.equal(parameter, was)


def test_non_finite_losses_are_skipped_and_then_end_the_run(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    run = TrainingRun(request(tones, tmp_path, max_steps=1).resolve(registry))
    batch = next(run.data.batches(0, 1))
    weights = {name: p.detach().clone() for name, p in run.model.named_parameters()}
    batch["targets"] = batch["targets"] * torch.nan
    assert run.step(batch, 1e-3) is None
    assert all(torch.equal(p, weights[name]) for name, p in run.model.named_parameters())
    poisoned = {**batch, "mixture": batch["mixture"] * torch.nan}
    assert run.step(poisoned, 1e-3) is None
    assert all(torch.isfinite(b).all() for b in run.model.buffers()), "statistics stay clean"
    for _ in range(17):
        run.step(batch, 1e-3)
    with pytest.raises(TrainingError, match="not finite for 20 steps"):
        run.step(batch, 1e-3)


def test_a_skipped_step_leaves_the_running_statistics(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    run = TrainingRun(request(tones, tmp_path / "run", max_steps=10).resolve(registry))
    batch = next(run.data.batches(0, 1, slice(0, 4)))
    before = {name: value.clone() for name, value in run.model.named_buffers()}
    assert any("running" in name for name in before)
    loud = {**batch, "mixture": torch.full_like(batch["mixture"], 3e37)}  # its square is not finite
    assert run.step(loud, 1e-3) is None
    assert all(torch.equal(before[name], value) for name, value in run.model.named_buffers())
    assert run.step(batch, 1e-3) is not None


def test_training_conditions_vary_around_the_plugins_own(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    run = TrainingRun(request(tones, tmp_path, max_steps=1).resolve(registry))
    rng = np.random.default_rng(0)
    drawn = np.stack([run.data.drawn(0, rng) for _ in range(40)])
    own = np.array_equal(drawn, np.broadcast_to(run.data.stored[0], drawn.shape))
    assert not own
    assert len(np.unique(drawn, axis=0)) > 20
    exact = [np.array_equal(vector, run.data.stored[0]) for vector in drawn]
    assert 0 < sum(exact) < 40, "sometimes the plugin's own, mostly others"


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"instruments": ("violin",)}, DataError, "no stem named|violin"),
        ({"arguments": {"layres": 2}}, TrainingError, "did you mean 'layers'"),
        (
            {"mix": {"coherrent_share": 0.9}},
            ConfigError,
            "coherrent_share.*did you mean 'coherent_share'",
        ),
        ({"mix": {"absent_share": 2}}, ConfigError, "absent_share"),
        ({"arguments": {"films": 7}}, TrainingError, "films must be 1 or 2"),
        ({"arguments": {"hidden": 30_000}}, TrainingError, "more than 500 million weights"),
        ({"arguments": {"layers": 7199, "hidden": 4, "width": 4}}, TrainingError, "4000 tensors"),
        ({"mix": {"seconds": float("inf")}}, ConfigError, "'seconds': input should be a finite"),
        ({"mix": {"gain_db": [4, -8]}}, ConfigError, "'gain_db'.*smaller comes first"),
        ({"mix": {"stems": [5, 2]}}, ConfigError, "'stems'.*smaller comes first"),
        ({"mix": {"memory_mb": float("nan")}}, ConfigError, "'memory_mb'"),
        ({"batch_size": 4096, "seconds": 600}, TrainingError, "audio of a step .* 1211 GiB"),
        (
            {"batch_size": 1, "instruments": ("bass",)},
            TrainingError,
            "1 × 1 targets.*--batch-size 2 or more",
        ),
    ],
)
def test_impossible_requests_are_one_line(
    registry: Registry,
    tones: Path,
    tmp_path: Path,
    options: dict[str, object],
    error: type[Exception],
    reason: str,
) -> None:
    with pytest.raises(error, match=reason):
        fit(registry, request(tones, tmp_path, **options), silent)
    assert not list(tmp_path.iterdir())


def test_a_single_mixture_of_two_instruments_is_a_batch(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    result = fit(registry, request(tones, tmp_path, batch_size=1, max_steps=2), silent)
    assert result.steps == 2


def test_a_trial_leaves_network_and_chance_as_they_are(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    run = TrainingRun(request(tones, tmp_path, max_steps=1).resolve(registry))
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    torch.manual_seed(0)
    try_step(run.task, run.data.config)
    chance = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(chance, torch.rand(1))
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_cut_state_file_cannot_be_resumed(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    fit(registry, request(tones, tmp_path, max_steps=2), silent)
    state = tmp_path / "resume.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(checkpoint.CheckpointError, match="not a whole"):
        fit(registry, request(tones, tmp_path, max_steps=4, resume=True), silent)


def test_state_holds_no_pickle(registry: Registry, tones: Path, tmp_path: Path) -> None:
    fit(registry, request(tones, tmp_path, max_steps=2), silent)
    with safe_open(tmp_path / "resume.safetensors", framework="pt") as file:
        assert any(name.startswith("optimizer.exp_avg.") for name in file.keys())  # noqa: SIM118


@pytest.mark.parametrize("embedding", [0, 16])
def test_weights_go_on_with_conditions_of_a_later_version(tmp_path: Path, embedding: int) -> None:
    """A later version only appends values: at first the network does what it did."""
    shipped = Registry.load()
    spec = shipped.backbone("rnn_mask")
    arguments = {**TINY, "embedding": embedding}
    earlier = spec.build(length(1), **arguments)
    for module in earlier.modules():
        if isinstance(module, FiLM):
            torch.nn.init.normal_(module.generator.weight, std=0.1)
    cello = shipped.instruments(["cello"])[0].condition()
    about = checkpoint.Metadata(
        backbone=spec.name,
        arguments=arguments,
        instruments=["cello"],
        condition_version=1,
        sample_rate=earlier.sample_rate,
        channels=earlier.channels,
    )
    path = tmp_path / "earlier.safetensors"
    checkpoint.save(path, earlier, {"cello": as_version(cello, 1)}, about)
    parent = Parent.load(path, spec)
    later = spec.build(length(2), **arguments).eval()
    parent.give_weights(later)
    x = torch.randn(1, 1, 20_000, generator=torch.Generator().manual_seed(0)) / 10
    condition = torch.from_numpy(cello)[None, None]
    with torch.no_grad():
        expected = parent.checkpoint.model(x, condition[:, :, : length(1)])
        torch.testing.assert_close(later(x, condition), expected)
        assert expected.abs().max() > 1e-4
        assert not torch.equal(expected, parent.checkpoint.model(x, 0 * condition[:, :, :164]))
