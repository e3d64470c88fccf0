"""Tuning is measured to the cent, not guessed where there is none, and undone for the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep.separation.separator import Separator
from timbresep.tuning import tuning_of

CHORD = (-12, -5, 0, 4)  # semitones from A4


def chord(cents: float, rate: int = RATE, harmonics: int = 3) -> NDArray[np.float32]:
    """Two seconds of notes with harmonics, so many cents above 440 Hz: (1, samples)."""
    time = np.arange(2 * rate) / rate
    wave = np.zeros(len(time))
    for semitones in CHORD:
        hz = 440 * 2 ** ((semitones + cents / 100) / 12)
        for k in range(1, harmonics + 1):
            wave += 0.05 / k * np.sin(2 * np.pi * k * hz * time + k * semitones)
    return wave[None].astype(np.float32)


@pytest.mark.parametrize("cents", [-42.0, -12.0, 8.0, 25.0, 45.0])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_a_chord_is_as_far_off_as_it_is(cents: float, rate: int) -> None:
    assert tuning_of(torch.from_numpy(chord(cents, rate)), rate) == pytest.approx(cents, abs=2.5)


def test_level_and_channels_do_not_matter() -> None:
    wave = torch.from_numpy(chord(15.0))
    assert tuning_of(1e-3 * wave, RATE) == pytest.approx(tuning_of(wave, RATE), abs=0.1)
    assert tuning_of(wave.expand(2, -1), RATE) == pytest.approx(tuning_of(wave, RATE), abs=0.1)


@pytest.mark.parametrize("cents", [0.0, 2.0, -2.0])
def test_what_is_in_tune_stays_as_it_is(cents: float) -> None:
    assert tuning_of(torch.from_numpy(chord(cents)), RATE) == 0.0


def test_nothing_is_no_tuning() -> None:
    generator = torch.Generator().manual_seed(0)
    for wave in (torch.zeros(1, 9000), torch.randn(2, 9000, generator=generator), torch.ones(1, 5)):
        assert tuning_of(wave, RATE) == 0.0


class InTune(GainBackbone):
    """Lets through only what is tuned to 440 Hz."""

    def forward(self, mixture: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        in_tune = tuning_of(mixture[0], RATE) == 0.0
        return super().forward(mixture, conditions) * float(in_tune)


@pytest.mark.parametrize("cents", [0.0, 20.0, -30.0])
def test_a_network_hears_music_in_tune_and_the_stems_are_as_the_music(cents: float) -> None:
    wave = chord(cents) * np.hanning(2 * RATE).astype(np.float32)
    gates = loaded(InTune(3, chunk=40_000), own=1.0)
    tuned = Separator(gates, options=replace(PLAIN, retune=True)).separate(wave, RATE, ["own"])[
        "own"
    ]
    assert np.abs(tuned - wave).max() < 2e-3
    as_it_is = Separator(gates, options=PLAIN).separate(wave, RATE, ["own"])["own"]
    assert as_it_is.any() == (cents == 0)
