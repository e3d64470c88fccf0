"""Music of any level is separated alike: quiet recordings, quiet passages, and numbers' limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import Tensor

from fakes import JOINT, PLAIN, RATE, FirBackbone, GainBackbone, loaded
from timbresep import audio
from timbresep.errors import AudioError
from timbresep.level import LEVEL_DB, gains
from timbresep.metrics import sdr
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.separator import Separator


class LevelBackbone(FirBackbone):
    """Hears level only: it gives what is louder than a tenth, sample by sample."""

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        return (mixture * (mixture.abs() > 0.1)).unsqueeze(1) * conditions[..., 0, None, None]


@pytest.fixture
def separator() -> Separator:
    return Separator(
        loaded(LevelBackbone(3, chunk=80_000, context=8000), loud=1.0, minus=-1.0), options=PLAIN
    )


@pytest.fixture(scope="module")
def shipped() -> Separator:
    registry = Registry.load()
    path = registry.separators.get().checkpoint
    return open_separator(["violin"], checkpoint=path, registry=registry)


def noise(samples: int = 160_000) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (2, samples)).astype(np.float32)


@pytest.mark.parametrize("change_db", [-300, -100, -40, -24, 20, 100, 300])
def test_louder_changes_nothing(separator: Separator, change_db: float) -> None:
    wave, factor = noise(), 10 ** (change_db / 20)
    stem = separator.separate(wave, RATE, ["loud"])["loud"]
    assert 0 < np.count_nonzero(stem) < stem.size
    changed = separator.separate((wave * factor).astype(np.float32), RATE, ["loud"])["loud"]
    assert sdr(stem, (changed.astype(np.float64) / factor).astype(np.float32)) > 40


def test_a_passage_that_is_softer_throughout_is_separated_like_the_rest(
    separator: Separator,
) -> None:
    shape = np.where(np.arange(160_000) < 71_234, 1, 10 ** (-24 / 20))
    stem = separator.separate(noise(), RATE, ["loud"])["loud"]
    softer = separator.separate((noise() * shape).astype(np.float32), RATE, ["loud"])["loud"]
    undone = (softer / shape).astype(np.float32)
    assert sdr(stem[:, 71_234:], undone[:, 71_234:]) > 12, "a fifth of a second is between levels"
    assert sdr(stem[:, 71_234 + RATE // 4 :], undone[:, 71_234 + RATE // 4 :]) > 30


def test_notes_and_rests_keep_their_levels() -> None:
    """What changes faster than passages do is music, not the recording's level."""
    time = np.arange(12 * RATE) / RATE
    beats = np.where(time % 1 < 0.6, 0.3, 0.02) * np.sin(2 * np.pi * 440 * time)
    factors = gains(beats[None].astype(np.float32), RATE)
    assert 20 * np.log10(factors.max() / factors.min()) < 0.5


def test_the_level_is_the_one_networks_are_trained_at() -> None:
    wave = noise()
    power = np.square(wave * gains(wave, RATE)).mean()
    assert 10 * np.log10(power) == pytest.approx(LEVEL_DB, abs=0.5)


def test_silence_has_no_level() -> None:
    assert (gains(np.zeros((1, 100), np.float32), RATE) == 1).all()
    wave = noise()
    wave[:, 10_000:30_000] = 0
    factors = gains(wave, RATE)
    assert factors.max() / factors.min() < 1.5, "a rest has its neighbours' level"


@pytest.mark.parametrize("consistent", [False, True])
@pytest.mark.parametrize("peak", [1e-30, 1e18, 1e30, 1e37])
def test_any_finite_mixture_has_finite_stems(peak: float, consistent: bool) -> None:
    options = replace(JOINT, mixture_consistency=consistent)
    separator = Separator(loaded(GainBackbone(3), most=0.8, rest=0.1), options=options)
    wave = np.random.default_rng(1).uniform(-peak, peak, (2, 4000)).astype(np.float32)
    stems = separator.separate(wave, RATE, ["most", "rest"])
    for stem in stems.values():
        assert np.isfinite(stem).all()
        assert stem.any()
    if consistent:
        assert np.abs(sum(stems.values()) / peak - wave / peak).max() < 1e-5


def test_a_mixture_too_loud_to_compute_with_is_told() -> None:
    separator = Separator(loaded(GainBackbone(3), twice=2.0), options=PLAIN)
    wave = np.full((1, 500), np.finfo(np.float32).max, np.float32)
    with pytest.raises(AudioError, match="the mixture is too loud"):
        separator.separate(wave, RATE, ["twice"])


def test_the_separator_that_ships_scores_alike_at_any_level(shipped: Separator) -> None:
    wave, rate = audio.read("data/starter/demo/mixture.flac", frames=44_100 * 4)
    stem = shipped.separate(wave, rate, ["violin"])["violin"]
    for change_db in (-40, 20):
        factor = np.float32(10 ** (change_db / 20))
        changed = shipped.separate(wave * factor, rate, ["violin"])["violin"]
        assert sdr(stem, changed / factor) > 35, f"{change_db} dB"
