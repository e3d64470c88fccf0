"""The rnn_mask network: FiLM before the RNN, the trunk runs once, bands cover every bin."""

from __future__ import annotations

import pytest
import torch

from timbresep.registry.registry import Registry

SPEC = Registry.load().backbone("rnn_mask")
SMALL = {"n_fft": 1024, "hop": 512, "bands": 100, "width": 24, "hidden": 16, "layers": 1}


def test_bands_cover_every_bin_once_and_low_ones_alone() -> None:
    model = SPEC.build(4, **{**SMALL, "bands": 200})
    band = model.band
    assert len(band) == 513
    assert band[0] == 0
    assert int(band[-1]) + 1 == model.bands
    assert abs(model.bands - 200) <= 1
    assert set(band.diff().tolist()) == {0, 1}
    assert torch.equal(band[:50], torch.arange(50)), "low bins keep a band each"
    widths = band.bincount()
    assert widths[-2] >= widths[60] >= widths[0], "bands widen upwards"


def test_as_many_bands_as_bins_means_every_bin() -> None:
    assert SPEC.build(4, **{**SMALL, "bands": 10_000}).bands == 513


def test_film_comes_before_the_rnn_and_on_the_feature_axis() -> None:
    model = SPEC.build(4, **SMALL)
    seen: list[tuple[str, tuple[int, ...]]] = []
    for name in ("encode", "film", "rnn"):
        getattr(model, name).register_forward_hook(
            lambda _, inputs, __, name=name: seen.append((name, tuple(inputs[0].shape)))
        )
    model.eval()(torch.randn(1, 2, 4096), torch.rand(1, 3, 4))
    assert [name for name, _ in seen] == ["encode", "film", "rnn"]
    shapes = dict(seen)
    assert shapes["film"] == (1, 1, 2, 9, 24), "(batch, 1, channels, frames, features): once"
    assert shapes["rnn"] == (6, 9, 24), "instruments and channels are the batch axis after FiLM"


@pytest.mark.parametrize("films", [1, 2])
def test_films_option(films: int) -> None:
    model = SPEC.build(4, **{**SMALL, "films": films})
    assert (model.film_after is None) == (films == 1)


def test_the_refinement_stage_knows_the_whole_window() -> None:
    torch.manual_seed(0)
    stage = SPEC.build(4, **SMALL, refinement=16).refinement
    torch.nn.init.normal_(stage.film.generator.weight)
    for weight in (stage.rnn.weight_hh_l0, stage.rnn.weight_hh_l0_reverse):
        torch.nn.init.zeros_(weight)  # no memory of its own
    first, state = torch.randn(1, 1, 2, 400, 24), torch.randn(1, 1, 2, 400, 48)
    before = stage(first, state)[0, 0, 0, 0]
    state[..., 1, 300:, :] += 3.0
    assert (stage(first, state)[0, 0, 0, 0] - before).abs().max() > 1e-3


def test_other_numbers_of_films_are_refused() -> None:
    with pytest.raises(ValueError, match="films"):
        SPEC.build(4, **{**SMALL, "films": 3})
