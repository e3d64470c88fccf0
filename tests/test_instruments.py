"""The conformance kit for instruments: every registered one passes it."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pydantic
import pytest
import torch
import yaml

from timbresep.condition import vector as conditioner
from timbresep.condition.tone_analysis import RecordedNote, tones_of
from timbresep.data import recipe as recipes
from timbresep.ddsp.features import FRAME_RATE
from timbresep.ddsp.model import DdspModel
from timbresep.instrument import Instrument, InstrumentConfig
from timbresep.registry.registry import Registry
from timbresep.units import hz_to_midi

INSTRUMENTS = {instrument.name: instrument for instrument in Registry.load().instruments()}
PITCHED = sorted(name for name, instrument in INSTRUMENTS.items() if instrument.f0_range)


@pytest.fixture(params=sorted(INSTRUMENTS))
def instrument(request: pytest.FixtureRequest) -> Instrument:
    return INSTRUMENTS[request.param]


@pytest.fixture(params=PITCHED)
def pitched(request: pytest.FixtureRequest) -> Instrument:
    return INSTRUMENTS[request.param]


@pytest.fixture(params=sorted(set(INSTRUMENTS) - set(PITCHED)))
def unpitched(request: pytest.FixtureRequest) -> Instrument:
    return INSTRUMENTS[request.param]


def middle(instrument: Instrument) -> float:
    """A fundamental in Hz in the middle of the instrument's range; 0 Hz without pitch."""
    return float(np.sqrt(np.prod(instrument.f0_range))) if instrument.f0_range else 0.0


def note(instrument: Instrument, seconds: float) -> np.ndarray:
    """One note of the instrument, or a roll, played by its own DDSP model."""
    model = DdspModel.load(instrument.ddsp_file).eval()
    shape = 1, int(seconds * FRAME_RATE)
    f0_hz, loudness_db = middle(instrument), model.heard.loudness_db[1]
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        audio = model(torch.full(shape, f0_hz), torch.full(shape, loudness_db), noise)
    return audio[0].numpy().astype(np.float32)


def test_has_a_card_a_recipe_and_licences(instrument: Instrument) -> None:
    assert (instrument.folder / "README.md").read_text().startswith(f"# {instrument.name}")
    assert recipes.load(instrument.recipe_file).use
    assert instrument.config.licences.weights
    assert instrument.config.licences.data


def test_ddsp_model_is_the_one_that_was_measured(instrument: Instrument) -> None:
    instrument.verify_ddsp()
    table = conditioner.build(instrument.ddsp_file, instrument.f0_range)
    np.testing.assert_allclose(instrument.condition(), conditioner.condition(table), atol=1e-3)


def test_condition_keeps_the_contract(instrument: Instrument) -> None:
    vector = instrument.condition()
    assert vector.shape == (conditioner.DIM,)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()
    assert vector.min() >= 0
    assert vector.max() <= 1.001
    assert instrument.measured().version == conditioner.CONDITION_VERSION


def test_distribution_is_proper_and_silent_above_nyquist(pitched: Instrument) -> None:
    table = conditioner.build(pitched.ddsp_file, pitched.f0_range)
    shares = table.distributions  # (levels, pitches, harmonics)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=-1), 1, atol=1e-4)
    hz = 440 * 2 ** ((table.pitches - 69) / 12)
    above = hz[:, None] * np.arange(1, shares.shape[-1] + 1) >= pitched.config.sample_rate / 2
    assert above.any()
    assert shares[:, above].max() < 1e-4


def test_its_own_note_lasts_and_sounds_at_its_pitch(pitched: Instrument) -> None:
    audio = note(pitched, 1.0)
    assert 1e-3 < np.sqrt(np.mean(audio**2)) < 2
    spectrum = np.abs(np.fft.rfft(audio[4000:12_000] * np.hanning(8000)))  # 2 Hz a bin
    f0 = middle(pitched)
    harmonics = [round(f0 * k / 2) for k in range(1, int(7000 / f0) + 1)]
    on = sum(spectrum[bin - 2 : bin + 3].max() for bin in harmonics)
    off = sum(spectrum[bin + round(f0 / 4) - 2 :][:5].max() for bin in harmonics)
    assert on > 5 * off, "the energy is at multiples of the fundamental"


def test_a_recording_of_its_voice_ignores_duration_and_gain(pitched: Instrument) -> None:
    midi = round(hz_to_midi(middle(pitched)))
    once = note(pitched, 1.0)
    vectors = [
        conditioner.condition(tones_of([RecordedNote(midi, audio)]))
        for audio in (once, 0.5 * once, note(pitched, 2.0))
    ]
    np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-3)
    difference = np.sqrt(np.mean((vectors[2] - vectors[0]) ** 2))
    assert difference < 0.02, "its noise is another"


def test_its_strokes_are_noise_that_fills_the_condition(unpitched: Instrument) -> None:
    audio = note(unpitched, 1.0)
    assert 1e-3 < np.sqrt(np.mean(audio**2)) < 2
    power = np.square(np.abs(np.fft.rfft(audio[4000:12_000] * np.hanning(8000))))
    assert power.max() < 0.05 * power.sum(), "no single partial carries it"
    parts = conditioner.split(unpitched.condition())
    assert not parts["registers"].any()
    assert parts["noise"].any()
    assert parts["noise"][-1] == 1, "all of it is noise"


def test_instruments_are_pairwise_distinct() -> None:
    for one, two in itertools.combinations(INSTRUMENTS.values(), 2):
        distance = np.sqrt(np.mean((one.condition() - two.condition()) ** 2))
        assert distance > 0.05, f"{one.name} and {two.name}"


def test_names_and_aliases_are_unambiguous() -> None:
    names = [name for i in INSTRUMENTS.values() for name in (i.name, *i.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("line", "expected"),
    [("f0_range: null", None), ("f0_range: [100.0, 200.0]", (100.0, 200.0))],
)
def test_pitch_range_may_be_null(line: str, expected: tuple[float, float] | None) -> None:
    assert InstrumentConfig.model_validate(described(line)).f0_range == expected


@pytest.mark.parametrize("line", ["", "f0_range: [200.0, 100.0]", "f0_range: [0.0, 100.0]"])
def test_pitch_range_must_be_stated_and_in_order(line: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="f0_range"):
        InstrumentConfig.model_validate(described(line))


def described(line: str) -> dict[str, object]:
    """An `instrument.yaml` with the given line."""
    return yaml.safe_load(f"name: gong\nlicences: {{weights: MIT, data: []}}\n{line}\n")


def test_the_bundled_conditions_are_those_that_separators_were_trained_with() -> None:
    """Whoever measures them anew, trains the shipped separator anew, and changes this digest."""
    vectors = b"".join(INSTRUMENTS[name].condition().tobytes() for name in sorted(INSTRUMENTS))
    assert hashlib.sha256(vectors).hexdigest()[:16] == "736c80770d7f5cbb"
