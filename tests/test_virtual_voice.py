"""A virtual voice's table tells exactly what it plays; it is what its timbre says, and no more."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from timbresep.condition.tone_table import ToneTable, band_edges
from timbresep.data.extras import full_band
from timbresep.data.extras.virtual_voice import Formant, Timbre, VirtualVoice
from timbresep.ddsp.decoder import Controls, DecoderConfig
from timbresep.ddsp.model import DdspModel, Heard

RATE = full_band.RATE
LEVELS = (-30.0, -20.0, -10.0)


def model(seed: int, heard: tuple[float, float] = (150.0, 420.0)) -> DdspModel:
    torch.manual_seed(seed)
    made = DdspModel(DecoderConfig(rnn_channels=16, channels=16), Heard(LEVELS, heard))
    torch.nn.init.normal_(made.decoder.dense_out.weight, std=0.5)
    return made.eval()


@pytest.fixture(scope="module")
def pair() -> tuple[DdspModel, DdspModel]:
    return model(0), model(1)


def table_of(voice: VirtualVoice) -> ToneTable:
    return ToneTable.from_model(voice, voice.heard.f0_hz)


def steady(voice: VirtualVoice, hertz: float, seconds: float = 1.0) -> np.ndarray:
    """The last half of a note at the middle level."""
    frames = round(seconds * voice.config.frame_rate)
    with torch.no_grad():
        wave = voice(
            torch.full((1, frames), hertz),
            torch.full((1, frames), LEVELS[1]),
            torch.Generator().manual_seed(0),
        )
    return wave[0, wave.shape[1] // 2 :].numpy()


def amplitudes(wave: np.ndarray, hertz: float, count: int) -> np.ndarray:
    """Of harmonics: each the correlation with its sinusoid under a Hann window."""
    time = np.arange(len(wave)) / RATE + len(wave) / RATE
    window = np.hanning(len(wave))
    waves = np.exp(-2j * np.pi * hertz * np.arange(1, count + 1)[:, None] * time)
    return 2 * np.abs(waves @ (window * wave)) / window.sum()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_table_is_what_an_fft_finds_in_a_note(pair: tuple[DdspModel, DdspModel], seed: int) -> None:
    timbre = replace(Timbre.draw(np.random.default_rng(seed)), noise_db=-60.0)
    voice = VirtualVoice(*pair, timbre)
    table = table_of(voice)
    for place in (0, len(table.pitches) // 2, -1):
        hertz = 440 * 2 ** ((float(table.pitches[place]) - 69) / 12)
        told = table.distributions[1, place]
        told = told[told > 0]
        heard = amplitudes(steady(voice, hertz), hertz, len(told))
        heard = heard / heard.sum()
        strong = told > 1e-3
        assert np.abs(20 * np.log10(heard[strong] / told[strong])).max() < 0.5


def test_table_tells_the_noise_that_is_played(pair: tuple[DdspModel, DdspModel]) -> None:
    """Power in hertz below 7 kHz, where the full band and the models' are alike."""
    voice = VirtualVoice(
        *pair, Timbre(weight=0.4, noise_db=32.0, formants=(Formant(2000.0, 0.5, 6.0),))
    )
    table = table_of(voice)
    hertz = 440 * 2 ** ((float(table.pitches[3]) - 69) / 12)
    wave = steady(voice, hertz, 16.0)
    count = int(8000 // hertz)
    power = amplitudes(wave, hertz, count) ** 2 / 2
    spectrum = np.square(np.abs(np.fft.rfft(wave * np.hanning(len(wave)))))
    spectrum *= 2 / len(wave) / np.square(np.hanning(len(wave))).sum()  # power in each bin
    bins = np.fft.rfftfreq(len(wave), 1 / RATE)
    away = np.abs(bins / hertz - np.rint(bins / hertz)) * hertz > 3  # Hz from any harmonic
    edges = band_edges()
    noise = np.array(
        [
            spectrum[(bins >= low) & (bins < high) & away].mean()
            * ((bins >= low) & (bins < high)).sum()
            for low, high in itertools.pairwise(edges)
        ]
    )
    told = table.noise[1, 3]
    ratio = 10 * np.log10(noise / power.sum()) - 10 * np.log10(told / (1 - told.sum()))
    assert told.sum() > 0.01
    assert np.abs(ratio[:-1]).max() < 2.0  # the models' uneven magnitudes are not flat in a band
    assert np.abs(ratio[:-1]).mean() < 0.4


def test_untouched_it_is_the_model_itself(pair: tuple[DdspModel, DdspModel]) -> None:
    for weight, own in zip((0.0, 1.0), pair, strict=True):
        mine = table_of(VirtualVoice(*pair, Timbre(weight)))
        its = ToneTable.from_model(own, own.heard.f0_hz)
        np.testing.assert_array_equal(mine.pitches, its.pitches)
        np.testing.assert_allclose(mine.distributions, its.distributions, atol=2e-5)
        np.testing.assert_allclose(mine.noise, its.noise, atol=2e-4)


def test_it_goes_beyond_its_models(pair: tuple[DdspModel, DdspModel]) -> None:
    """In dB, the first harmonics at −0.3, 0, 1 and 1.3 lie on one line."""
    f0, loudness = torch.full((1, 50), 220.0), torch.full((1, 50), LEVELS[1])
    with torch.no_grad():
        low, first, second, high = (
            VirtualVoice(*pair, Timbre(w)).spectrum(f0, loudness, 20).harmonics
            for w in (-0.3, 0.0, 1.0, 1.3)
        )
    step = second - first
    assert step.abs().max() > 3
    torch.testing.assert_close(low, first - 0.3 * step, atol=1e-3, rtol=0)
    torch.testing.assert_close(high, second + 0.3 * step, atol=1e-3, rtol=0)


def test_colour_changes_what_it_names(pair: tuple[DdspModel, DdspModel]) -> None:
    f0, loudness = torch.full((1, 50), 200.0), torch.full((1, 50), LEVELS[1])

    def change(**colour: object) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            plain = VirtualVoice(*pair, Timbre()).spectrum(f0, loudness, 60)
            coloured = VirtualVoice(*pair, Timbre(**colour)).spectrum(f0, loudness, 60)  # type: ignore[arg-type]
        return (coloured.harmonics - plain.harmonics)[0, -1], (coloured.noise - plain.noise)[0, -1]

    harmonics, noise = change(even_db=-12.0)
    np.testing.assert_allclose(harmonics[:4], [0, -12, 0, -12], atol=1e-4)
    assert not noise.any()
    harmonics, noise = change(tilt_db=-3.0)
    np.testing.assert_allclose(harmonics[[0, 1, 3, 7]], [0, -3, -6, -9], atol=1e-4)
    harmonics, noise = change(formants=(Formant(1000.0, 0.3, 8.0),))
    assert harmonics[4] == pytest.approx(8, abs=1e-3)  # the fifth harmonic, at 1 kHz
    assert noise[8] == pytest.approx(8, abs=1e-3)
    assert abs(float(harmonics[39])) < 0.1
    harmonics, noise = change(noise_db=5.0)
    np.testing.assert_allclose(noise, 5, atol=1e-4)
    assert not harmonics.any()


def test_harmonics_go_on_above_8_khz_along_their_slope() -> None:
    """12 dB an octave below 8 kHz, 12 dB an octave above."""
    numbers = torch.arange(1, 61)
    shares = numbers.float() ** -2 * (400.0 * numbers < 8000)
    controls = Controls(
        torch.ones(1, 3, 1), (shares / shares.sum()).expand(1, 3, 60), torch.full((1, 3, 65), 0.01)
    )
    wide = full_band.widen(controls, torch.full((1, 3, 1), 400.0), 50).harmonics[0, 0]
    fall = 40 * np.log10(np.arange(1, 51))
    np.testing.assert_allclose(float(wide[0]) - wide, fall, atol=0.01)


def test_loudness_beyond_what_was_heard_is_gain(pair: tuple[DdspModel, DdspModel]) -> None:
    voice = VirtualVoice(*pair, Timbre(0.5))
    f0 = torch.full((1, 50), 220.0)
    with torch.no_grad():
        soft = voice.spectrum(f0, torch.full((1, 50), -60.0), 20)
        softer = voice.spectrum(f0, torch.full((1, 50), -75.0), 20)
    torch.testing.assert_close(softer.harmonics, soft.harmonics - 15)
    torch.testing.assert_close(softer.noise, soft.noise - 15)


def test_range_lies_between_those_of_the_models() -> None:
    low, high = model(0, (50.0, 200.0)), model(1, (200.0, 800.0))
    assert VirtualVoice(low, high, Timbre(0.5)).heard.f0_hz == pytest.approx((100.0, 400.0))
    narrow = VirtualVoice(model(0, (200.0, 220.0)), model(1, (200.0, 220.0)), Timbre()).heard
    assert 12 * np.log2(narrow.f0_hz[1] / narrow.f0_hz[0]) == pytest.approx(15)


def test_draws_differ_and_follow_from_the_seed() -> None:
    drawn = [Timbre.draw(np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(drawn)) == 20
    assert drawn[7] == Timbre.draw(np.random.default_rng(7))
    assert min(t.weight for t in drawn) < 0
    assert max(t.weight for t in drawn) > 1
