"""Loudness and pitch: known values for known signals, and refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from timbresep.ddsp import features
from timbresep.errors import AudioError

RATE = 16_000


def tone(f0_hz: float, seconds: float = 1.0, harmonics: int = 12) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    numbers = [k for k in range(1, harmonics + 1) if k * f0_hz < 7800]
    wave = sum(np.sin(2 * np.pi * f0_hz * k * time + k) / k for k in numbers)
    return (0.2 * wave).astype(np.float32)


@pytest.mark.parametrize(
    ("hz", "expected_db"),
    [(62.5, -26.3), (125, -16.2), (250, -8.65), (500, -3.25), (1000, 0), (2000, 1.2), (4000, 0.96)],
)
def test_a_weighting_matches_the_standard(hz: float, expected_db: float) -> None:
    gain = features.a_weighting(512, RATE)[round(hz / 31.25)]
    assert 10 * math.log10(gain) == pytest.approx(expected_db, abs=0.1)


def test_loudness_of_a_1_khz_sine_silence_and_gain() -> None:
    sine = torch.sin(2 * math.pi * 1000 * torch.arange(RATE) / RATE)[None]
    level = features.loudness(sine, RATE)
    assert level.shape == (1, 251)
    expected = 10 * math.log10(128**2 * 1.5 / 257)  # Hann: peak (N/4)², two sides a quarter each
    assert level[0, 100] == pytest.approx(expected, abs=0.05)
    assert features.loudness(sine / 10, RATE)[0, 100] == pytest.approx(expected - 20, abs=0.05)
    assert torch.equal(features.loudness(torch.zeros(1, 640), RATE), torch.full((1, 11), -80.0))


def test_loudness_is_differentiable_and_refuses_another_rate() -> None:
    audio = torch.randn(1, 2000, requires_grad=True)
    features.loudness(audio, RATE).sum().backward()
    assert audio.grad is not None
    assert torch.isfinite(audio.grad).all()
    with pytest.raises(AudioError, match="22050"):
        features.loudness(audio, 22_050)


@pytest.mark.parametrize(
    ("hz", "f0_range"),
    [
        (41.2, (41.2, 392.0)),  # tracked an octave up
        (300.0, (41.2, 392.0)),
        (55.0, (27.5, 2093.0)),
        (880.0, (27.5, 2093.0)),
        (440.0, (196.0, 2637.0)),
        (2637.0, (196.0, 2637.0)),  # tracked an octave down
    ],
)
def test_pitch_of_known_tones_within_20_cents(hz: float, f0_range: tuple[float, float]) -> None:
    found, confidence = features.f0(tone(hz), RATE, f0_range)
    inside = slice(30, -30)
    assert len(found) == len(confidence) == 251
    assert (confidence[inside] >= features.VOICED).mean() > 0.9
    assert np.abs(1200 * np.log2(found[inside] / hz)).max() < 25
    assert np.median(np.abs(1200 * np.log2(found[inside] / hz))) < 20


def test_a_pitch_is_held_through_silence_and_silence_is_not_voiced() -> None:
    audio = np.concatenate([tone(330.0, 0.5), np.zeros(RATE // 2, np.float32)])
    found, confidence = features.f0(audio, RATE, (100.0, 1000.0))
    assert found[200] == pytest.approx(330, rel=0.02)
    assert confidence[200] < features.VOICED
    hz, sure = features.f0(np.zeros(RATE, np.float32), RATE, (100.0, 400.0))
    assert np.allclose(hz, 200)
    assert sure.max() < features.VOICED


@pytest.mark.parametrize(
    "audio",
    [np.zeros(0, np.float32), np.full(100, np.nan, np.float32), np.zeros((2, 100), np.float32)],
)
def test_empty_non_finite_and_stereo_audio_is_refused(audio: np.ndarray) -> None:
    with pytest.raises(AudioError, match="mono"):
        features.extract(audio, RATE, (100.0, 400.0))


def test_another_rate_is_refused_with_the_way_out() -> None:
    with pytest.raises(AudioError, match="resample"):
        features.extract(tone(440), 44_100, (100.0, 1000.0))


def test_a_range_that_cannot_be_tracked_is_refused() -> None:
    with pytest.raises(AudioError, match="no pitch can be tracked"):
        features.f0(tone(440), RATE, (6000.0, 7000.0))


def test_extract_puts_all_on_one_grid() -> None:
    found = features.extract(tone(220, 0.5), RATE, (100.0, 1000.0))
    assert found.f0_hz.shape == found.f0_confidence.shape == found.loudness_db.shape == (126,)
    assert all(value.dtype == np.float32 for value in vars(found).values())
