"""Checkpoints carry their conditions, load strictly, and are never unpickled."""

from __future__ import annotations

import json
import pickle
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from disks import full_disk
from timbresep import checkpoint
from timbresep.checkpoint import KEY, Metadata
from timbresep.errors import CheckpointError, ConfigError, OutputError, UnknownNameError
from timbresep.registry.registry import Registry

SMALL = {"n_fft": 512, "hop": 256, "bands": 60, "width": 12, "hidden": 8, "layers": 1}
NAMES = ["oboe", "tuba"]


@pytest.fixture
def saved(tmp_path: Path, registry: Registry) -> Path:
    torch.manual_seed(0)
    model = registry.backbone("rnn_mask").build(5, **SMALL)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path / "some.safetensors"
    vectors = np.random.default_rng(0).random((2, 5)).astype(np.float32)
    conditions = dict(zip(NAMES, vectors, strict=True))
    metadata = Metadata(
        backbone="rnn_mask",
        arguments=SMALL,
        instruments=NAMES,
        condition_version=1,
        sample_rate=44_100,
        channels=2,
        ledger=[{"sound_source": "test tones", "licence": "CC0", "minutes": 0.5}],
    )
    checkpoint.save(path, model, conditions, metadata)
    return path


def rewrite(path: Path, change: dict[str, torch.Tensor | None], header: str | None = None) -> None:
    tensors = load_file(path)
    text = header or checkpoint.read_metadata(path).model_dump_json()
    for name, tensor in change.items():
        if tensor is None:
            del tensors[name]
        else:
            tensors[name] = tensor
    save_file(tensors, path, {KEY: text})


def test_round_trip_gives_the_same_network_and_conditions(saved: Path, registry: Registry) -> None:
    one = checkpoint.load(saved, registry.backbone)
    assert list(one.conditions) == NAMES
    assert one.metadata.ledger[0]["licence"] == "CC0"
    again = saved.with_name("again.safetensors")
    checkpoint.save(again, one.model, one.conditions, one.metadata)
    two = checkpoint.load(again, registry.backbone)
    x, c = torch.randn(1, 1, 3000), torch.from_numpy(np.stack(list(one.conditions.values())))[None]
    assert torch.equal(one.model(x, c), two.model(x, c))


def test_former_names_of_an_argument_and_of_a_module_go_on_loading(
    saved: Path, registry: Registry
) -> None:
    arguments = {**SMALL, "refinement": 8}
    model = registry.backbone("rnn_mask").make(5, arguments)
    one = checkpoint.load(saved, registry.backbone)
    about = one.metadata.model_copy(update={"arguments": arguments})
    checkpoint.save(saved, model, one.conditions, about)
    before = checkpoint.load(saved, registry.backbone)
    tensors = {
        name.replace("refinement", "second_look"): tensor
        for name, tensor in load_file(saved).items()
    }
    former = about.model_copy(update={"arguments": {**SMALL, "second": 8}})
    save_file(tensors, saved, {KEY: former.model_dump_json()})
    assert any("second_look" in name for name in tensors)
    after = checkpoint.load(saved, registry.backbone)
    assert after.metadata == before.metadata
    for name, tensor in before.model.state_dict().items():
        assert torch.equal(after.model.state_dict()[name], tensor)
    tensors["model.refinement.attend.bias"] = torch.zeros(8)
    save_file(tensors, saved, {KEY: former.model_dump_json()})
    with pytest.raises(CheckpointError, match="by its former name and by today's"):
        checkpoint.load(saved, registry.backbone)


def test_half_precision_changes_the_output_by_less_than_60_db(
    saved: Path, registry: Registry
) -> None:
    one = checkpoint.load(saved, registry.backbone)
    small = saved.with_name("half.safetensors")
    checkpoint.save(small, one.model, one.conditions, one.metadata, half=True)
    two = checkpoint.load(small, registry.backbone)
    assert small.stat().st_size < 0.65 * saved.stat().st_size
    x, c = torch.randn(1, 1, 3000), torch.rand(1, 2, 5)
    full, half = one.model(x, c), two.model(x, c)
    assert (full - half).square().sum() < 1e-6 * full.square().sum()


def test_metadata_is_read_alone(saved: Path) -> None:
    assert checkpoint.read_metadata(saved).instruments == NAMES


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.99])
def test_a_cut_file_is_refused(saved: Path, registry: Registry, keep: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        checkpoint.load(saved, registry.backbone)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path, registry: Registry) -> None:
    marker = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (marker,))

    path = tmp_path / "bomb.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError):
        checkpoint.load(path, registry.backbone)
    assert not marker.exists()


def test_missing_file(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "absent.safetensors", registry.backbone)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model.film.generator.weight": None}, "'film.generator.weight' is missing"),
        ({"model.extra": torch.zeros(1)}, "'extra' is not part of the network"),
        ({"model.film.generator.bias": torch.zeros(3)}, r"has shape \(3,\)"),
        ({"conditions": None}, "does not carry a condition"),
        ({"conditions": torch.zeros(1, 5)}, "does not carry a condition"),
        ({"conditions": torch.full((2, 5), torch.nan)}, "not finite"),
    ],
)
def test_weights_load_strictly(
    saved: Path, registry: Registry, change: dict[str, torch.Tensor | None], reason: str
) -> None:
    rewrite(saved, change)
    with pytest.raises(CheckpointError, match=reason):
        checkpoint.load(saved, registry.backbone)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("width", 30_000),
        ("hidden", 10**9),
        ("hidden", 10**30),
        ("layers", 20_000),
        ("n_fft", 2**27),
        ("bands", 2**40),
        ("embedding", 2**30),
        ("refinement", 40_000),
        ("refinement", 3),
        ("hop", -1),
        ("hop", 0),
        ("hop", 1),
        ("hop", 128.0),
        ("width", "16"),
        ("width", -1),
        ("layers", True),
        ("films", 3),
        ("colour", 1),
    ],
)
def test_forged_arguments_are_refused_before_anything_is_allocated(
    saved: Path, registry: Registry, argument: str, value: object
) -> None:
    known = json.loads(checkpoint.read_metadata(saved).model_dump_json())
    known["arguments"][argument] = value
    rewrite(saved, {}, json.dumps(known))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=r"larger than its weights|argument"):
        checkpoint.load(saved, registry.backbone)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize(
    "change",
    [
        {"conditions": torch.full((2, 5), 1e300, dtype=torch.float64)},
        {"conditions": torch.zeros(2, 5, dtype=torch.int64)},
        {"conditions": torch.zeros(2, 0)},
        {"model.film.generator.bias": torch.zeros(1, dtype=torch.complex64)},
        {"model.film.generator.bias": torch.zeros((1,) * 20)},
        {"model.film.generator.bias": torch.zeros(0, 2**40)},
    ],
)
def test_tensors_of_another_kind_are_refused(
    saved: Path, registry: Registry, change: dict[str, torch.Tensor | None]
) -> None:
    rewrite(saved, change)
    with pytest.raises(CheckpointError):
        checkpoint.load(saved, registry.backbone)


@pytest.mark.parametrize("names", [["tuba"] * 50_000, ["tuba", "tuba"]])
def test_an_instrument_is_adapted_once(saved: Path, registry: Registry, names: list[str]) -> None:
    known = json.loads(checkpoint.read_metadata(saved).model_dump_json())
    rewrite(saved, {}, json.dumps({**known, "adapted": names}))
    with pytest.raises(ConfigError, match="adapted twice"):
        checkpoint.load(saved, registry.backbone)


def test_metadata_that_is_too_deep_is_refused(saved: Path) -> None:
    rewrite(saved, {}, "[" * 100_000)
    with pytest.raises(CheckpointError, match="not a timbresep file"):
        checkpoint.read_metadata(saved)


def test_foreign_and_newer_files_are_told_apart(saved: Path, registry: Registry) -> None:
    text = checkpoint.read_metadata(saved).model_dump_json()
    rewrite(saved, {}, text.replace('"format":1', '"format":99'))
    with pytest.raises(CheckpointError, match=r"format 99.*update timbresep"):
        checkpoint.load(saved, registry.backbone)
    save_file({"a": torch.zeros(1)}, saved)
    with pytest.raises(CheckpointError, match="not a timbresep file"):
        checkpoint.load(saved, registry.backbone)


@pytest.mark.parametrize("names", [["../up", "tuba"], ["oboe", "oboe"], ["residual", "tuba"]])
def test_names_that_could_lead_elsewhere_are_refused(
    saved: Path, registry: Registry, names: list[str]
) -> None:
    text = checkpoint.read_metadata(saved).model_dump_json()
    forged = text.replace(json.dumps(NAMES, separators=(",", ":")), json.dumps(names))
    assert forged != text
    rewrite(saved, {}, forged)
    with pytest.raises(ConfigError, match="instruments"):
        checkpoint.load(saved, registry.backbone)


def test_mistyped_metadata_and_unknown_backbones(saved: Path, registry: Registry) -> None:
    text = checkpoint.read_metadata(saved).model_dump_json()
    rewrite(saved, {}, text.replace('"instruments"', '"instrumens"'))
    with pytest.raises(ConfigError, match="did you mean 'instruments'"):
        checkpoint.load(saved, registry.backbone)
    save_file(load_file(saved), saved, {KEY: text.replace("rnn_mask", "rnn_musk")})
    with pytest.raises(UnknownNameError, match="did you mean 'rnn_mask'"):
        checkpoint.load(saved, registry.backbone)


def test_a_full_disk_is_one_error_and_keeps_the_old_file(saved: Path, registry: Registry) -> None:
    loaded = checkpoint.load(saved, registry.backbone)
    before = saved.read_bytes()
    with full_disk(1000), pytest.raises(OutputError, match=r"cannot write .*: File too large"):
        checkpoint.save(saved, loaded.model, loaded.conditions, loaded.metadata)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
