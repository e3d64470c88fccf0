"""unblend's models as source models, with networks small enough to run here."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from plugins.source_models.unblend.offer import OFFERS, spec_of
from timbresep.errors import CheckpointError
from timbresep.registry import pretrained
from timbresep.registry.registry import Registry
from timbresep.testing import SourceModelConformance
from unblend_models import CONFIGS, SEGMENT, offered, shrink, write_weights

if find_spec("unblend") is None:
    pytest.skip("needs unblend: make unblend", allow_module_level=True)

import httpx

from plugins.source_models.unblend.imported import (
    ModelEnsemble,
    ModelRepository,
    apply_model,
    backends,
)
from plugins.source_models.unblend.model import load, network_of
from plugins.source_models.unblend.own import list_file
from plugins.source_models.unblend.weights import fetch

if TYPE_CHECKING:
    from plugins.source_models.unblend.model import UnblendModel

NAMES = [offer.name for offer in OFFERS]
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small networks, and a cache of unblend's that nobody else uses."""
    monkeypatch.setenv("UNBLEND_CACHE_DIR", str(tmp_path / "cache"))
    shrink(monkeypatch, tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> UnblendModel:
    """HTDemucs, small."""
    return load(offered("htdemucs"), write_weights("htdemucs", tmp_path / "w.safetensors"))


def music(samples: int = SEGMENT, batch: int = 1) -> Tensor:
    """Tones that come and go (batch, 2, samples)."""
    torch.manual_seed(1)
    time = torch.arange(samples) / 44_100
    tones = torch.rand(batch, 2, 5, 1) * torch.sin(700 * torch.rand(batch, 2, 5, 1) * 7 * time)
    return 0.05 * (tones.sum(2) * torch.sin(20 * time) + 0.1 * torch.randn(batch, 2, samples))


class Small(SourceModelConformance):
    """The kit for source models, with random weights."""

    @pytest.fixture(autouse=True)
    def random_weights(self, small: None, tmp_path_factory: pytest.TempPathFactory) -> None:
        kind = type(self)
        if kind.weights is None:
            path = tmp_path_factory.mktemp("weights") / "w.safetensors"
            kind.weights = write_weights(kind.spec.name, path)


class TestHTDemucs(Small):
    spec = spec_of(offered("htdemucs"))
    # Untrained, it makes as much of what is far as of what is near; tests/models tries the trained.
    test_chunks_give_what_the_whole_gives = None  # type: ignore[assignment]


class TestMelBandRoformer(Small):
    spec = spec_of(offered("melband_roformer_kim"))
    sums = True


class TestSCNet(Small):
    spec = spec_of(offered("scnet_small"))


@pytest.mark.parametrize("name", NAMES)
def test_each_of_unblends_models_separates(name: str, tmp_path: Path) -> None:
    offer = offered(name)
    model = load(offer, write_weights(name, tmp_path / "w.safetensors"))
    assert (model.sources, model.sample_rate, model.channels) == (offer.sources, 44_100, 2)
    assert model.chunk + 2 * model.context == model.window == SEGMENT
    mixture = music()
    sources = model(mixture)
    assert sources.shape == (1, len(offer.sources), 2, SEGMENT)
    assert sources.abs().amax(dim=-1).min() > 0
    if offer.sources == ("vocals", "accompaniment"):
        torch.testing.assert_close(sources.sum(1), mixture)


def test_what_it_gives_is_what_its_network_gives_at_the_level_of_training(
    model: UnblendModel,
) -> None:
    mixture = music()
    gain = 10 ** (-16 / 20) / mixture.square().mean().sqrt()
    with torch.inference_mode():
        expected = model.network(mixture * gain) / gain
    torch.testing.assert_close(model(mixture), expected)


@pytest.mark.parametrize("name", ["htdemucs", "scnet_small", "bs_roformer_sw"])
def test_level_changes_nothing_but_the_level(name: str, tmp_path: Path) -> None:
    model = load(offered(name), write_weights(name, tmp_path / "w.safetensors"))
    mixture = music()
    plain = model(mixture)
    for gain in (1e-4, 0.5, 20.0):
        torch.testing.assert_close(model(gain * mixture) / gain, plain, atol=1e-6, rtol=1e-3)


def test_a_silent_mixture_beside_another_stays_silent(model: UnblendModel) -> None:
    mixture = music()
    sources = model(torch.cat([torch.zeros_like(mixture), mixture]))
    assert not sources[0].any()
    torch.testing.assert_close(sources[1:], model(mixture))


@pytest.mark.parametrize("samples", [1, 700, SEGMENT - 1, 3 * SEGMENT + 5])
def test_any_length_is_taken(model: UnblendModel, samples: int) -> None:
    sources = model(music(samples))
    assert sources.shape == (1, 4, 2, samples)
    assert torch.isfinite(sources).all()


def test_it_gives_the_same_every_time(model: UnblendModel) -> None:
    mixture = music(2 * SEGMENT)
    assert torch.equal(model(mixture), model(mixture))


def test_each_fine_tuned_network_gives_its_own_source(tmp_path: Path) -> None:
    """`htdemucs_ft` is four networks; each is kept for the source that it was fine-tuned for."""
    path = tmp_path / "w.safetensors"
    parts = [write_weights("htdemucs", tmp_path / f"{n}.safetensors") for n in range(4)]
    tensors = [load_file(part) for part in parts]
    for number, part in enumerate(tensors):  # a network for each
        for key, value in part.items():
            part[key] = value * (1 + 0.1 * number)
        save_file(part, parts[number])
    merged = {f"models.{n}.{k}": v for n, part in enumerate(tensors) for k, v in part.items()}
    save_file(merged, path)
    mixture = music()
    together = load(offered("htdemucs_ft"), path)(mixture)
    for number, part in enumerate(parts):
        alone = load(offered("htdemucs"), part)(mixture)
        torch.testing.assert_close(together[:, number], alone[:, number])


def test_an_ensemble_is_the_mean_of_its_networks(tmp_path: Path) -> None:
    """unblend's own rule: HTDemucs' network is given the level that it knows, SCNet's is not."""
    path = write_weights("htdemucs_scnet_ensemble", tmp_path / "w.safetensors")
    model = load(offered("htdemucs_scnet_ensemble"), path)
    assert isinstance(model.network, ModelEnsemble)
    mixture = music()
    gain = 10 ** (-16 / 20) / mixture.square().mean().sqrt()
    parts = [apply_model(part, mixture * gain, overlap=0.0) for part in model.network.models]
    found = model(mixture) * gain
    torch.testing.assert_close(found, torch.stack(parts).mean(0), atol=1e-3, rtol=1e-2)


# Weights: a file's.


def test_weights_of_half_precision_are_taken(tmp_path: Path) -> None:
    path = write_weights("htdemucs", tmp_path / "w.safetensors")
    save_file({k: v.half() for k, v in load_file(path).items()}, tmp_path / "half.safetensors")
    model = load(offered("htdemucs"), tmp_path / "half.safetensors")
    mixture = music()
    torch.testing.assert_close(
        model(mixture), load(offered("htdemucs"), path)(mixture), atol=1e-3, rtol=0.1
    )


def test_a_file_that_is_no_weights_of_the_model_is_refused_in_one_line(tmp_path: Path) -> None:
    path = write_weights("htdemucs", tmp_path / "w.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:-100])
    other = write_weights("scnet_small", tmp_path / "scnet.safetensors")
    lacking = tmp_path / "lacking.safetensors"
    tensors = load_file(path)
    del tensors["freq_emb.embedding.weight"]
    save_file(tensors, lacking)
    pickled = tmp_path / "model.th"
    torch.save(tensors, pickled)
    cases = {
        tmp_path / "missing.safetensors": "no such",
        cut: "not a whole safetensors file",
        other: "another network's weights",
        lacking: "'freq_emb.embedding.weight' is missing",
        pickled: "not a whole safetensors file",
    }
    for file, expected in cases.items():
        with pytest.raises(CheckpointError, match=re.escape(expected)) as caught:
            load(offered("htdemucs"), file)
        assert file.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_weights_of_a_model_with_other_sources_are_refused(tmp_path: Path) -> None:
    six = write_weights("htdemucs_6s", tmp_path / "six.safetensors")
    with pytest.raises(CheckpointError, match="another network's weights"):
        load(offered("htdemucs"), six)


# Weights: fetched.


def publish(monkeypatch: pytest.MonkeyPatch, name: str, folder: Path) -> list[bytes]:
    """Weights of a small model as unblend's registry names them: its files' bytes."""
    from plugins.source_models.unblend import weights

    network = network_of(name)
    parts = network.models if isinstance(network, ModelEnsemble) else [network]
    files = []
    for number, part in enumerate(parts):
        for parameter in part.parameters():
            torch.nn.init.normal_(parameter, std=0.02 * (1 + number))
        file = folder / f"published-{number}"
        save_file({k: v.clone().contiguous() for k, v in part.state_dict().items()}, file)
        files.append(file.read_bytes())
    repository = weights.ModelRepository

    def published(extra_models: list[Path]) -> ModelRepository:
        found = repository(extra_models)
        for member, data in zip(found._members[name], files, strict=True):
            digest = hashlib.sha256(data).hexdigest()
            member["artifact"].update(sha256=digest, size_bytes=len(data))
        return found

    monkeypatch.setattr(weights, "ModelRepository", published)
    return files


def answer(monkeypatch: pytest.MonkeyPatch, give: Answer) -> None:
    """Have every request answered here."""

    def stream(method: str, url: str, **options: Any) -> Any:
        return httpx.Client(transport=httpx.MockTransport(give)).stream(method, url, **options)

    monkeypatch.setattr(httpx, "stream", stream)
    monkeypatch.setattr("time.sleep", lambda _: None)


def digests(files: list[bytes]) -> tuple[str, ...]:
    return tuple(hashlib.sha256(data).hexdigest() for data in files)


@pytest.mark.parametrize("name", ["htdemucs", "htdemucs_ft"])
def test_weights_are_fetched_checked_and_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = publish(monkeypatch, name, tmp_path)
    waiting = list(files)
    answer(monkeypatch, lambda _: httpx.Response(200, content=waiting.pop(0)))
    told: list[tuple[int, int]] = []
    path = tmp_path / "w.safetensors"
    offer = replace(offered(name), sha256=digests(files))
    fetch(offer, path, lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (sum(map(len, files)),) * 2
    if len(files) == 1:
        assert path.read_bytes() == files[0]
    assert load(offer, path)(music()).any()
    left = [file.name for file in (tmp_path / "cache").iterdir() if file.suffix == ".safetensors"]
    assert left == [], "unblend's own cache keeps no second copy"


def test_what_a_user_of_unblend_has_is_not_fetched_again_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = publish(monkeypatch, "htdemucs", tmp_path)
    digest = digests(files)[0]
    kept = tmp_path / "cache" / f"{digest[:16]}.safetensors"
    kept.parent.mkdir()
    kept.write_bytes(files[0])
    answer(monkeypatch, lambda _: pytest.fail("it asked for the file"))
    fetch(replace(offered("htdemucs"), sha256=(digest,)), tmp_path / "w", lambda *_: None)
    assert (tmp_path / "w").read_bytes() == kept.read_bytes() == files[0]


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)


def test_weights_that_cannot_be_had_are_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data,) = publish(monkeypatch, "htdemucs", tmp_path)
    offer = replace(offered("htdemucs"), sha256=digests([data]))
    changed = data[:-1] + bytes([data[-1] ^ 1])
    cases: list[tuple[Answer, str]] = [
        (unreachable, "Name or service not known"),
        (lambda _: httpx.Response(404), "404"),
        (lambda _: httpx.Response(200, content=data[:-10]), "expected"),
        (lambda _: httpx.Response(200, content=changed), "checksum"),
    ]
    for give, expected in cases:
        answer(monkeypatch, give)
        with pytest.raises(CheckpointError, match=expected) as caught:
            fetch(offer, tmp_path / "w.safetensors", lambda *_: None)
        assert str(caught.value).startswith("the weights of 'htdemucs' cannot be fetched: ")
        assert "--from FILE" in caught.value.hint
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "w.safetensors").exists()


def test_an_unblend_that_offers_other_weights_is_refused(tmp_path: Path) -> None:
    offer = replace(offered("htdemucs"), sha256=("0" * 64,))
    with pytest.raises(CheckpointError, match="other weights of 'htdemucs'"):
        fetch(offer, tmp_path / "w.safetensors", lambda *_: None)


# The user's own models.


def import_own(folder: Path, name: str, sources: list[str]) -> None:
    """What `unblend models import` does, for a small SCNet."""
    from unblend import importer

    config = {**CONFIGS["scnet"], "sources": sources}
    network = backends.build(
        "scnet", "scnet", dict(config), sources=sources, samplerate=32_000, segment_samples=SEGMENT
    )
    given = folder / f"{name}-checkpoint.safetensors"
    save_file({k: v.clone().contiguous() for k, v in network.state_dict().items()}, given)
    described = folder / "config.yaml"
    audio = {"sample_rate": 32_000, "chunk_size": SEGMENT}
    described.write_text(
        yaml.safe_dump({"model": config, "audio": audio, "training": {"instruments": sources}})
    )
    entry, _ = importer.import_checkpoint(
        given, folder / f"{name}.safetensors", config_path=described, license_label="CC0"
    )
    importer.register_entry(list_file(), name, entry)


def test_models_of_the_users_own_are_source_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "kept"))
    import_own(tmp_path, "strings", ["violin", "cello", "other"])
    import_own(tmp_path, "choir", ["other", "vocals"])
    registry = Registry.load()
    spec = registry.source_model("strings")
    assert (spec.sources, spec.rest) == (("violin", "cello", "other"), "other")
    assert (spec.sample_rate, spec.licence) == (32_000, "CC0, as its list says")
    assert pretrained.missing(spec) == "", "its weights are on this machine"
    model = pretrained.load(spec)
    assert (model.sample_rate, model.sources) == (32_000, spec.sources)
    assert model(music()).shape == (1, 3, 2, SEGMENT)
    choir = registry.source_model("choir")
    assert (choir.sources, choir.rest) == (("accompaniment", "vocals"), "accompaniment")
    import_own(tmp_path, "My-Choir.2", ["instrumental", "vocals"])
    mine = Registry.load().source_model("my_choir_2")
    assert (mine.sources, mine.rest) == (("accompaniment", "vocals"), "accompaniment")
    assert pretrained.load(mine).sources == mine.sources
    (tmp_path / "choir.safetensors").unlink()
    assert pretrained.missing(choir) == "needs its weights: `models get choir`"
    with pytest.raises(CheckpointError, match=r"choir.safetensors: No such file"):
        pretrained.get(choir)


def test_a_checkpoint_that_changed_since_it_was_imported_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "kept"))
    import_own(tmp_path, "strings", ["violin", "other"])
    file = tmp_path / "strings.safetensors"
    save_file({k: 2 * v for k, v in load_file(file).items()}, file)
    with pytest.raises(CheckpointError, match="is not what was published"):
        pretrained.load(Registry.load().source_model("strings"))


@pytest.mark.parametrize(
    "text", ["models: [", "models: 3", "models: {mine: {sources: [a]}}", "\xff"]
)
def test_a_list_that_cannot_be_read_is_a_broken_row_and_the_others_stay(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    list_file().parent.mkdir()
    list_file().write_bytes(text.encode("latin-1"))
    registry = Registry.load()
    assert registry.source_model("htdemucs_scnet_ensemble")
    (broken,) = [row for row in registry.rows() if row.status == "broken"]
    assert str(list_file()) in broken.detail


# What of unblend is needed.

WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(["typer", "click", "torchcodec"]))
from plugins.source_models.unblend.imported import ModelRepository, backends
from plugins.source_models.unblend.model import network_of
network = network_of("scnet_small")
print(len(network.sources))
"""


def test_neither_its_command_line_nor_its_file_reading_is_needed(root: Path) -> None:
    """It asks for an older typer than others do, and for torchcodec: not for its networks."""
    places = json.dumps([str(root), str(root / "core")])
    code = f"import sys; sys.path[:0] = {places}\n{WITHOUT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "4\n", done.stderr


def test_specs_load_and_fetch_by_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, unreachable)
    offer = offered("melband_roformer_kim")
    spec = spec_of(offer)
    model = spec.load(write_weights(offer.name, tmp_path / "w.safetensors"))
    assert model.sources == spec.sources == ("vocals", "accompaniment")
    assert spec.sha256 == offer.sha256[0]
    with pytest.raises(CheckpointError, match="cannot be fetched"):
        spec.fetch(tmp_path / "x.safetensors", lambda *_: None)
