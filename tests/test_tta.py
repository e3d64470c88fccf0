"""Passes at other pitches: transposed and back is the same, and the stems are the passes' mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep.audio.speed import transpose, transpose_back
from timbresep.errors import TimbresepError
from timbresep.separation.separator import Separator
from timbresep.separation.tta import SEMITONES

HZ = 440.0


def tone(hz: float, seconds: float = 1.0, channels: int = 2) -> NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 0.1 * np.sin(2 * np.pi * hz * time) * np.hanning(len(time))
    return np.tile(wave, (channels, 1)).astype(np.float32)


def peak_hz(wave: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(wave[0] * np.hanning(wave.shape[1]), 16 * wave.shape[1]))
    return float(spectrum.argmax()) * RATE / (16 * wave.shape[1])


@pytest.mark.parametrize("semitones", SEMITONES)
def test_a_tone_sounds_semitones_higher_and_comes_back(semitones: int) -> None:
    wave = tone(HZ)
    moved = transpose(wave, RATE, semitones)
    assert peak_hz(moved) == pytest.approx(HZ * 2 ** (semitones / 12), rel=1e-3)
    back = transpose_back(moved, RATE, semitones, wave.shape[1])
    assert back.shape == wave.shape
    assert np.abs(back - wave).max() < 1e-3


@pytest.mark.parametrize("passes", [2, 3, 5])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_does_not_depend_on_pitch_stays(passes: int, channels: int) -> None:
    wave = tone(HZ, 3.3, channels)
    one = Separator(loaded(GainBackbone(3), half=0.5), options=PLAIN)
    several = Separator(loaded(GainBackbone(3), half=0.5), options=replace(PLAIN, tta=passes))
    expected = one.separate(wave, RATE, ["half"])["half"]
    stem = several.separate(wave, RATE, ["half"])["half"]
    assert stem.shape == wave.shape
    assert np.abs(stem - expected).max() < 2e-3


class Gate(GainBackbone):
    """Lets a mixture through whose pitch is below a bound, and silences a higher one."""

    def forward(self, mixture: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        high = peak_hz(mixture[0].numpy()) > HZ * 1.03
        return super().forward(mixture, conditions) * (0.0 if high else 1.0)


def test_stems_are_the_mean_of_the_passes() -> None:
    wave = tone(HZ)
    stem = Separator(loaded(Gate(3), own=1.0), options=replace(PLAIN, tta=3)).separate(
        wave, RATE, ["own"]
    )["own"]
    assert np.abs(stem - 2 / 3 * wave).max() < 2e-3, "silent where the tone is a semitone higher"


@pytest.mark.parametrize("passes", [0, 6])
def test_other_numbers_of_passes_are_refused(passes: int) -> None:
    with pytest.raises(TimbresepError, match="tta"):
        Separator(loaded(GainBackbone(3), half=0.5), options=replace(PLAIN, tta=passes))
