"""What a note's spectrum looks like before the mixture is heard."""

from __future__ import annotations

import numpy as np
import pytest

from timbresep.condition.parts import HARMONICS, REGISTERS
from timbresep.errors import DataError
from timbresep.notes.templates import FLOOR, Overtones, templates
from timbresep.units import midi_to_hz
from tones import HORN, REED, condition

RATE, N_FFT = 44_100, 4096
STEP = RATE / N_FFT  # Hz


def known(*shares: float, registers: tuple[int, ...] = tuple(range(REGISTERS))) -> Overtones:
    return Overtones.of(condition(shares, registers))


@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("overtones", [Overtones.plain(), known(*REED)])
def test_each_template_sums_to_one_and_none_of_its_bins_is_zero(
    overtones: Overtones, rate: int
) -> None:
    spectra = templates([21, 60, 69.3, 108, 127], overtones, n_fft=N_FFT, rate=rate)
    assert spectra.shape == (5, N_FFT // 2 + 1)
    np.testing.assert_allclose(spectra.sum(axis=1), 1, rtol=1e-5)
    assert spectra.min() > 0


@pytest.mark.parametrize("pitch", [45, 60, 72.5, 84])
def test_a_template_peaks_at_the_overtones_of_its_note(pitch: float) -> None:
    (spectrum,) = templates([pitch], known(*REED), n_fft=N_FFT, rate=RATE)
    f0 = float(midi_to_hz(pitch))
    heights = []
    for number in range(1, len(REED) + 1):
        middle = number * f0 / STEP
        near = np.arange(round(middle - f0 / 2 / STEP) + 1, round(middle + f0 / 2 / STEP))
        assert abs(near[spectrum[near].argmax()] - middle) <= 0.51
        heights.append(spectrum[near].max() - FLOOR / len(spectrum))
    loud = np.array(REED) > 0.1
    ratio = np.array(heights)[loud] / np.array(REED)[loud]
    assert ratio.max() / ratio.min() < 1.4, "a peak between two bins is lower than one on a bin"


def test_between_the_overtones_is_only_the_floor() -> None:
    (spectrum,) = templates([69], Overtones.plain(), n_fft=N_FFT, rate=RATE)
    between = spectrum[round(1.5 * 440 / STEP)]
    assert between == pytest.approx(FLOOR / len(spectrum), rel=1e-3)


def test_a_note_above_the_highest_frequency_is_flat() -> None:
    (spectrum,) = templates([127], Overtones.plain(), n_fft=N_FFT, rate=8000)
    np.testing.assert_allclose(spectrum, 1 / len(spectrum), rtol=1e-5)


def test_no_notes_have_no_templates() -> None:
    assert templates([], Overtones.plain(), n_fft=N_FFT, rate=RATE).shape == (0, N_FFT // 2 + 1)


def test_the_overtones_of_a_condition_are_those_it_was_made_of() -> None:
    shares = np.array(HORN) / sum(HORN)
    found = known(*HORN, registers=(1, 2))
    np.testing.assert_allclose(found.registers[1, : len(HORN)], shares, atol=1e-5)
    np.testing.assert_allclose(found.registers[2, len(HORN) :], 0, atol=1e-6)
    assert not found.registers[[0, 3]].any()


def test_every_plugin_tells_its_overtones_and_those_without_pitch_tell_none() -> None:
    from timbresep.registry.registry import Registry

    for item in Registry.load().instruments():
        found = Overtones.of(item.condition()).registers
        if item.config.f0_range is None:
            assert not found.any(), item.name
        else:
            assert 0.9 < found.sum(axis=1).max() < 1.1, item.name


def test_a_vector_that_is_no_condition_is_refused() -> None:
    with pytest.raises(DataError, match="no known version"):
        Overtones.of(np.zeros(7, np.float32))


def test_no_instrument_has_one_over_k() -> None:
    np.testing.assert_allclose(Overtones.plain().at(60), 1 / np.arange(1, HARMONICS + 1))


def test_a_note_has_the_overtones_of_the_nearest_register_that_is_known() -> None:
    low, high = np.eye(2, HARMONICS)
    overtones = Overtones(np.stack([0 * low, low, 0 * low, high]))
    for pitch, expected in ((30, low), (50, low), (59.9, low), (72, high), (100, high)):
        np.testing.assert_array_equal(overtones.at(pitch), expected)


def test_a_mean_of_voices_counts_those_that_are_known_in_a_register() -> None:
    one, two = known(1.0, registers=(0, 1)), known(0.0, 1.0, registers=(1, 2))
    mean = Overtones.mean([one, two]).registers
    np.testing.assert_allclose(mean[:3, :2], [[1, 0], [0.5, 0.5], [0, 1]], atol=1e-5)
    assert not mean[3].any()
    assert not Overtones.mean([]).registers.any()


def test_half_of_another_is_the_geometric_mean_where_both_are_known() -> None:
    one, two = known(0.9, 0.1, registers=(0, 1)), known(0.1, 0.9, registers=(1, 2))
    half = one.with_half(two).registers
    np.testing.assert_allclose(half[1, :2], 0.3, atol=1e-3)
    np.testing.assert_allclose(half[[0, 2], :2], [[0.9, 0.1], [0.1, 0.9]], atol=1e-4)
    assert not half[3].any()
