"""A separator that has a source model before its network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fakes import JOINT, PLAIN, RATE, GainBackbone, loaded, vector
from timbresep.separation.options import SeparationOptions
from timbresep.separation.separator import Separator
from timbresep.separation.sources import Places, Sources, SourceStage, places
from timbresep.source_model import SourceModel

WAVE = np.random.default_rng(0).normal(0, 0.1, (2, 2 * RATE)).astype(np.float32)
SOURCES = ("vocals", "bass", "rest")


class Shares(SourceModel):
    """Gives each source a fixed share of every sample."""

    sources, sample_rate, channels, chunk, context = SOURCES, RATE, 2, 8000, 100

    def __init__(self, *shares: float) -> None:
        super().__init__()
        self.shares = torch.tensor(shares)
        self.calls = 0

    def forward(self, mixture: Tensor) -> Tensor:
        self.calls += 1
        assert mixture.shape[1] == self.channels
        return mixture.unsqueeze(1) * self.shares[:, None, None]


HOLDERS = {"singer": ["vocals"], "low": ["bass"], "lower": ["bass"], "fiddle": ["rest"]}


def chain(
    shares: tuple[float, ...],
    options: SeparationOptions = JOINT,
    model: SourceModel | None = None,
    **gains: float,
) -> Separator:
    """A separator whose network gives instruments fixed gains, after a source model."""
    found, _ = places({name: HOLDERS.get(name, []) for name in gains}, SOURCES, "rest")
    first = Sources(SourceStage(model or Shares(*shares), "shares", "cpu"), Path(), found)
    return Separator(loaded(GainBackbone(3), **gains), {}, options, first=first)


def test_each_instrument_is_in_the_first_of_its_sources_that_the_model_has() -> None:
    named = {"one": ["guitar", "rest"], "two": ["bass", "rest"], "three": ["guitar"], "four": []}
    found, unplaced = places(named, SOURCES, "rest")
    assert [found.holder(name) for name in named] == [None, 1, None, None]
    assert unplaced == ["three", "four"]
    assert found == Places(SOURCES, "rest", {"one": "rest", "two": "bass"})


def test_a_source_for_one_instrument_is_its_stem() -> None:
    separator = chain((0.6, 0.1, 0.3), singer=0.1, fiddle=0.1)
    stems = separator.separate(WAVE, RATE, ["singer"])
    np.testing.assert_allclose(stems["singer"], 0.6 * WAVE, atol=1e-5)


def test_a_source_that_counts_is_taken_out_of_what_the_others_share() -> None:
    separator = chain((0.6, 0.0, 0.4), singer=0.1, fiddle=0.5, flute=0.5)
    alone = Separator(separator.checkpoint, {}, JOINT)
    stems = separator.separate(WAVE, RATE, ["fiddle"])
    expected = alone.separate(0.4 * WAVE, RATE, ["fiddle"])
    level = np.square(stems["fiddle"]).sum() / np.square(expected["fiddle"]).sum()
    assert 1 < level < 1.7, "what the singer claims no longer is claimed there"


@pytest.mark.parametrize(
    ("shares", "gains", "why"),
    [
        ((0.1, 0.0, 0.9), {"singer": 0.1, "fiddle": 0.1}, "too soft to be heard"),
        ((0.4, 0.0, 0.6), {"singer": 0.9, "fiddle": 0.1}, "the network finds more of it"),
        ((0.4, 0.0, 0.6), {"singer": 0.1, "fiddle": 0.9}, "the network knows what it is"),
        ((0.5, 0.0, 0.5), {"singer": 0.7, "fiddle": 0.6}, "it recognises it, and another in it"),
    ],
)
def test_a_source_that_does_not_count_changes_nothing(
    shares: tuple[float, ...], gains: dict[str, float], why: str
) -> None:
    separator = chain(shares, **gains)
    stems = separator.separate(WAVE, RATE)
    expected = Separator(separator.checkpoint, {}, JOINT).separate(WAVE, RATE)
    for name in gains:
        np.testing.assert_array_equal(stems[name], expected[name], err_msg=why)


def test_instruments_of_one_source_share_it() -> None:
    separator = chain((0.0, 0.6, 0.4), low=0.2, lower=0.2, fiddle=0.1)
    stems = separator.separate(WAVE, RATE, ["low", "lower"])
    np.testing.assert_allclose(stems["low"], stems["lower"], atol=1e-6)
    total = np.abs(stems["low"] + stems["lower"]).max() / np.abs(0.6 * WAVE).max()
    assert 0.9 < total < 1.6


def test_of_two_in_one_source_the_one_that_is_heard_gets_it() -> None:
    separator = chain((0.0, 0.6, 0.4), low=0.3, lower=0.01, fiddle=0.1)
    stems = separator.separate(WAVE, RATE, ["low", "lower"])
    np.testing.assert_allclose(stems["low"], 0.6 * WAVE, atol=1e-3)
    assert np.abs(stems["lower"]).max() < 0.05 * np.abs(WAVE).max()


def test_the_only_instrument_in_what_is_left_gets_all_of_it() -> None:
    separator = chain((0.3, 0.3, 0.4), singer=0.1, low=0.1, fiddle=0.35, flute=0.02)
    stems = separator.separate(WAVE, RATE, ["fiddle"])
    np.testing.assert_allclose(stems["fiddle"], 0.4 * WAVE, atol=0.01)


@pytest.mark.parametrize("changes", [{}, {"mixture_consistency": True}])
def test_stems_estimated_by_themselves_come_from_their_sources(changes: dict[str, bool]) -> None:
    separator = chain((0.6, 0.0, 0.4), PLAIN, singer=0.5, fiddle=0.5).with_options(**changes)
    stems = separator.separate(WAVE, RATE, ["singer", "fiddle"])
    if changes:
        np.testing.assert_allclose(stems["singer"] + stems["fiddle"], WAVE, atol=1e-4)
    else:
        np.testing.assert_allclose(stems["singer"], 0.6 * WAVE, atol=1e-4)


def test_a_louder_mixture_gives_louder_stems_and_nothing_else() -> None:
    separator = chain((0.6, 0.0, 0.4), singer=0.1, fiddle=0.5)
    soft, loud = (separator.separate(gain * WAVE, RATE) for gain in (0.01, 10.0))
    for name, stem in soft.items():
        np.testing.assert_allclose(1000 * stem, loud[name], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [RATE, 11025, 48_000])
def test_any_rate_and_mono_keep_length_and_channels(channels: int, rate: int) -> None:
    wave = np.repeat(WAVE[:channels], 2, axis=1)[:, : rate + 77]
    stems = chain((0.6, 0.0, 0.4), singer=0.1, fiddle=0.5).separate(wave, rate)
    assert {stem.shape for stem in stems.values()} == {wave.shape}


def test_a_model_that_knows_another_rate_or_one_channel_is_fed_it() -> None:
    class Mono(Shares):
        channels, sample_rate = 1, 2 * RATE

    separator = chain((), model=Mono(0.6, 0.0, 0.4), singer=0.1, fiddle=0.5)
    smooth = np.cumsum(WAVE, axis=1).astype(np.float32) / 50
    stems = separator.separate(smooth, RATE, ["singer"])
    error = np.square(stems["singer"] - 0.6 * smooth).sum() / np.square(smooth).sum()
    assert error < 1e-3


def test_silence_gives_silence_and_asks_no_network() -> None:
    model = Shares(0.6, 0.0, 0.4)
    stems = chain((), model=model, singer=0.1, fiddle=0.5).separate(0 * WAVE, RATE)
    assert not any(stem.any() for stem in stems.values())
    assert model.calls == 0


def test_a_long_stream_runs_the_source_model_once_a_window() -> None:
    model = Shares(0.6, 0.0, 0.4)
    separator = chain((), model=model, singer=0.1, fiddle=0.5)
    blocks = [WAVE for _ in range(6)]  # 96,000 samples in windows of 8000, which overlap a little
    parts = list(separator.stream(iter(blocks), RATE, 2, ["singer"]))
    assert sum(stems.shape[2] for _, stems in parts) == 6 * WAVE.shape[1]
    assert 12 <= model.calls <= 13
    whole = np.concatenate([stems[0] for _, stems in parts], axis=1)
    np.testing.assert_allclose(whole, 0.6 * np.tile(WAVE, 6), atol=1e-4)


def test_a_source_model_with_damaged_weights_is_named() -> None:
    from timbresep.errors import CheckpointError

    with pytest.raises(CheckpointError, match="source model 'shares' gives values that are not"):
        chain((float("nan"), 0.0, 0.4), singer=0.1).separate(WAVE, RATE)


def test_more_conditions_are_looked_for_where_they_belong() -> None:
    separator = chain((0.6, 0.0, 0.4), PLAIN, singer=0.5, fiddle=0.5)
    tried = separator.with_conditions({"other singer": vector(0.5)}, {"other singer": "singer"})
    stems = tried.separate(WAVE, RATE, ["singer", "other singer"])
    np.testing.assert_array_equal(stems["singer"], stems["other singer"])
