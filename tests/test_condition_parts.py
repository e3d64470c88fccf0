"""The parts of a condition say what they claim: spread, noise, and drums without pitch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from timbresep.condition.parts import (
    HARMONICS,
    PARTS,
    REGISTERS,
    compress,
    noise,
    spread,
)
from timbresep.condition.tone_table import BANDS, ToneTable, band_edges
from timbresep.condition.vector import LAYOUTS, condition, draw
from timbresep.ddsp.decoder import Controls, DecoderConfig
from timbresep.ddsp.model import DdspModel, TrainedRange
from timbresep.errors import DataError

CONFIG = DecoderConfig(rnn_channels=16, channels=16)
LEVELS = (-40.0, -25.0, -10.0)


class Stub(DdspModel):
    """A model whose controls are known: fundamental alone, noise in some magnitudes of 65."""

    def __init__(self, amplitude: float, magnitude: float, *bins: int) -> None:
        super().__init__(CONFIG, TrainedRange(LEVELS, (100.0, 1000.0)))
        self.amplitude, self.magnitude, self.bins = amplitude, magnitude, list(bins or range(65))

    def controls(self, f0_hz: torch.Tensor, loudness_db: torch.Tensor) -> Controls:
        shape = f0_hz.shape
        gain = 10 ** (loudness_db / 20)[..., None]  # the louder, the more of everything
        distribution = torch.zeros(*shape, 60)
        distribution[..., 0] = 1
        filters = torch.zeros(*shape, 65)
        filters[..., self.bins] = self.magnitude
        return Controls(gain * self.amplitude, distribution, gain * filters)


def made(shares: np.ndarray, pitches: list[float]) -> ToneTable:
    """A table with given distributions (levels, pitches, harmonics) and no noise."""
    levels = np.arange(len(shares), dtype=np.float32)
    bands = np.zeros((*shares.shape[:2], BANDS), np.float32)
    return ToneTable(np.array(pitches, np.float32), levels, shares.astype(np.float32), bands)


def test_the_ratio_of_noise_to_harmonics_is_that_of_their_powers() -> None:
    """A sine of amplitude a has the power a²/2; uniform noise with the gain m has m²/3."""
    amplitude, magnitude = 0.2, 0.1
    table = ToneTable.from_model(Stub(amplitude, magnitude), (200.0, 400.0))
    sine, hiss = amplitude**2 / 2, magnitude**2 / 3
    assert table.noise.sum(-1) == pytest.approx(hiss / (hiss + sine), rel=1e-4)
    part = noise(table)
    assert part.shape == (BANDS + 1,)
    assert part[-1] == pytest.approx((10 * np.log10(hiss / sine) + 40) / 80, abs=1e-4)
    edges = band_edges()
    assert edges[0] == 0
    assert edges[-1] == pytest.approx(8000)
    assert table.noise[0, 0] / table.noise[0, 0].sum() == pytest.approx(
        np.diff(edges) / 8000, rel=1e-4
    )
    around_4_khz = noise(ToneTable.from_model(Stub(0.2, 0.1, 32), (200.0, 400.0)))[:-1]
    inside = np.flatnonzero(around_4_khz > 0)
    assert len(inside) > 0
    assert all(edges[band] < 4200 and edges[band + 1] > 3800 for band in inside)


def test_the_power_of_the_noise_is_what_the_synthesiser_makes() -> None:
    """The shares are told from the controls; audio of the same controls must agree."""
    table = ToneTable.from_model(model := Stub(0.3, 1.5, 20, 21), (200.0, 400.0))
    f0, level = torch.full((1, 500), 300.0), torch.full((1, 500), -10.0)
    both = model(f0, level, torch.Generator().manual_seed(0))[0, 4000:28_000]
    model.magnitude = 0.0
    sine = model(f0, level, torch.Generator().manual_seed(0))[0, 4000:28_000]
    measured = float((both - sine).square().mean() / both.square().mean())
    assert table.noise[0, 0].sum() == pytest.approx(measured, rel=0.1)


def test_gain_is_not_in_the_table() -> None:
    soft = ToneTable.from_model(Stub(0.01, 0.05), (200.0, 400.0))
    loud = ToneTable.from_model(Stub(0.2, 1.0), (200.0, 400.0))
    np.testing.assert_allclose(soft.noise, loud.noise, rtol=1e-4)
    assert np.ptp(loud.noise, axis=0).max() < 1e-6, "nor in the levels of this model"


def test_spread_is_nothing_for_one_tone_and_twice_the_deviation_for_two() -> None:
    shares = np.zeros((1, 2, 60))
    shares[0, :, 0] = shares[0, 0, 1] = shares[0, 1, 2] = 0.5
    alone = made(shares[:, :1], [60])
    assert spread(alone) == pytest.approx(np.zeros(REGISTERS * HARMONICS))
    rows = spread(made(shares, [60, 61])).reshape(REGISTERS, HARMONICS)
    half = float(compress(np.array(0.5)))
    assert rows[2, :4] == pytest.approx([0, half, half, 0], abs=1e-6)  # 2 · std of {0, half}
    assert (rows[[0, 1, 3]] == 0).all()
    levels = spread(made(shares.transpose(1, 0, 2), [60])).reshape(REGISTERS, HARMONICS)
    assert levels[2, :4] == pytest.approx([0, half, half, 0], abs=1e-6), "levels count as notes do"


def test_an_instrument_without_pitch_speaks_by_its_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, 99, ("registers", "spread", "noise"))
    dark = ToneTable.from_model(Stub(0.3, 1.0, 2, 9), None)
    bright = ToneTable.from_model(Stub(0.3, 1.0, 40, 60), None)
    assert not dark.pitched
    assert dark.noise.shape == (3, 3, BANDS)  # levels, moments of a stroke
    assert dark.noise.sum(-1) == pytest.approx(1, abs=1e-5)
    vectors = [condition(table, version=99) for table in (dark, bright)]
    for vector in vectors:
        assert np.isfinite(vector).all()
        assert (vector[: -(BANDS + 1)] == 0).all(), "no harmonics, no share of notes"
        assert vector[-1] == 1
    assert np.abs(vectors[0] - vectors[1]).max() > 0.5
    draws = [draw(dark, np.random.default_rng(seed), 99) for seed in range(20)]
    assert np.isfinite(draws).all()
    assert np.std(draws, axis=0).max() > 0.005
    with pytest.raises(DataError, match="no pitch"):
        condition(dark, [60], version=99)


def test_lengths_are_as_stated() -> None:
    shares = np.random.default_rng(1).dirichlet(np.ones(30), (2, 4))  # fewer harmonics than 40
    table = made(shares, [40, 50, 65, 90])
    for part in PARTS.values():
        assert part.measure(table).shape == (part.length,)


def test_a_tone_without_harmonics_has_a_condition_and_variations() -> None:
    nothing = np.zeros((1, 1, 8), np.float32)
    noise = np.full((1, 1, 16), 1 / 16, np.float32)
    table = ToneTable(np.array([60], np.float32), np.zeros(1, np.float32), nothing, noise)
    vectors = condition(table), draw(table, np.random.default_rng(0))
    assert np.isfinite(vectors).all()
