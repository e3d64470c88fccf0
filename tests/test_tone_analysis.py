"""Recorded notes become a table of tones in one way, whoever has recorded or rendered them."""

from __future__ import annotations

import numpy as np
import pytest

from timbresep.condition.tone_analysis import HARMONICS, RATE, RecordedNote, shares, tones_of
from timbresep.condition.tone_table import band_edges
from timbresep.errors import DataError
from timbresep.units import midi_to_hz, pitch_ratio


@pytest.mark.parametrize("hz", [55.0, 220.3, 1760.0])
def test_shares_of_a_tone_are_those_it_was_made_with(hz: float) -> None:
    rng = np.random.default_rng(0)
    time = np.arange(RATE // 2) / RATE
    known = min(HARMONICS, int(7900 / hz))
    wanted = rng.dirichlet(np.full(known, 0.5))
    waves = [a * np.sin(2 * np.pi * (k + 1) * hz * time + k) for k, a in enumerate(wanted)]
    found, noise = shares(np.sum(waves, axis=0).astype(np.float32), hz)
    np.testing.assert_allclose(found[:known], wanted, atol=0.01)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert not found[known:].any()
    assert noise.sum() < 1e-3


def test_noise_between_harmonics_is_told_by_band_and_power() -> None:
    rng = np.random.default_rng(1)
    time = np.arange(2 * RATE) / RATE
    tone = 0.1 * np.sin(2 * np.pi * 440 * time)  # power 0.005
    noise = rng.normal(0, 0.05, len(time))  # power 0.0025: a third of the whole
    found, bands = shares((tone + noise).astype(np.float32), 440.0)
    assert bands.sum() == pytest.approx(1 / 3, abs=0.02)
    widths = np.diff(band_edges()) / 8000
    np.testing.assert_allclose(bands / bands.sum(), widths, atol=0.02)
    assert found.argmax() == 0
    level_free = shares((10 * (tone + noise)).astype(np.float32), 440.0)
    np.testing.assert_allclose(level_free[0], found, atol=1e-5)


def test_silence_has_no_shares() -> None:
    found, noise = shares(np.zeros(RATE, np.float32), 440.0)
    assert not found.any()
    assert not noise.any()


def note(
    midi: int, amplitudes: list[float], seconds: float = 1.0, cents: float = 0.0
) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    hz = midi_to_hz(float(midi)) * pitch_ratio(cents / 100)
    parts = [a * np.sin(2 * np.pi * k * hz * time) for k, a in enumerate(amplitudes, start=1)]
    return np.sum(parts, axis=0).astype(np.float32)


@pytest.mark.parametrize("cents", [-44, 0, 31])
def test_a_recording_may_be_out_of_tune(cents: float) -> None:
    table = tones_of([RecordedNote(69, note(69, [1.0] * 10, cents=cents))])
    np.testing.assert_allclose(table.distributions[0, 0, :10], np.full(10, 0.1), atol=0.01)
    assert table.noise.sum() < 0.02


def test_gain_and_length_of_a_note_do_not_matter() -> None:
    first, second = (
        tones_of([RecordedNote(60, np.float32(gain) * note(60, [1.0, 0.5], seconds))])
        for gain, seconds in ((1.0, 0.6), (0.01, 2.4))
    )
    np.testing.assert_allclose(first.distributions, second.distributions, atol=1e-3)
    np.testing.assert_allclose(first.noise, second.noise, atol=1e-3)


def test_tones_are_sorted_by_pitch_and_level_and_averaged() -> None:
    table = tones_of(
        [
            RecordedNote(72, note(72, [1.0]), -20.0),
            RecordedNote(60, note(60, [1.0, 1.0]), 0.0),
            RecordedNote(60, note(60, [1.0]), -20.0),
            RecordedNote(60, note(60, [1.0, 0.0, 1.0]), 0.0),
            RecordedNote(65, note(65, [1.0], seconds=0.2), 0.0),
        ]
    ).checked()
    assert table.pitches.tolist() == [60, 72], "a fifth of a second is too short"
    assert table.levels.tolist() == [-20, 0]
    loud = table.distributions[1]
    np.testing.assert_allclose(loud[0, :3], [0.5, 0.25, 0.25], atol=0.01)
    np.testing.assert_array_equal(loud[1], table.distributions[0, 1])  # from the level there is


def test_no_note_is_long_enough() -> None:
    with pytest.raises(DataError, match="no note is held long enough"):
        tones_of([RecordedNote(60, note(60, [1.0], seconds=0.1))])
