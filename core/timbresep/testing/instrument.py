"""The conformance kit for instruments: a plugin that passes can be shown, used and rendered."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar
from unittest import SkipTest

import numpy as np
import torch
from numpy.typing import NDArray

from timbresep.condition.tone_analysis import RecordedNote, tones_of
from timbresep.condition.tone_table import ToneTable, tones_of_model
from timbresep.condition.vector import CONDITION_VERSION, DIM, condition, split
from timbresep.data import recipe as recipes
from timbresep.ddsp.features import FRAME_RATE
from timbresep.ddsp.model import DdspModel
from timbresep.instrument import Instrument, own_file
from timbresep.units import hz_to_midi, midi_to_hz


@cache
def measured(model_file: Path, f0_range: tuple[float, float] | None) -> ToneTable:
    """The tones of a voice; measuring them takes longer than all that is asked of them."""
    return tones_of_model(model_file, f0_range)


class InstrumentConformance:
    """What every instrument plugin keeps (docs/guides/add-an-instrument.md).

    A plugin's test is a subclass, for example::

        from pathlib import Path

        from timbresep.testing import InstrumentConformance


        class TestOboe(InstrumentConformance):
            folder = Path("oboe")

    Attributes:
        folder: the plugin's, with its `instrument.yaml`.
    """

    folder: ClassVar[Path]

    @property
    def instrument(self) -> Instrument:
        """The plugin, read from its folder."""
        return Instrument.from_folder(self.folder, "a test")

    def test_its_files_are_there(self) -> None:
        """`instrument.yaml` can be read, and the files that it names are in the folder."""
        assert self.instrument.config.name

    def test_it_has_a_card(self) -> None:
        """Whoever finds it learns what it is: README.md begins with its name."""
        heading = f"# {self.instrument.name}"
        with own_file(self.folder, "README.md").open(encoding="utf-8") as file:
            card = file.read(len(heading))
        assert card.startswith(heading), f"README.md does not begin with '{heading}'"

    def test_its_licences_are_there(self) -> None:
        """Those of its weights, and of the recordings behind them."""
        assert self.instrument.config.licences.weights
        assert self.instrument.config.licences.data

    def test_its_recipe_can_be_read(self) -> None:
        """Whoever trains on it knows where its audio comes from."""
        assert recipes.load(self.instrument.recipe_file).use, "it uses no source"

    def test_its_voice_loads(self) -> None:
        """The file of the DDSP model is whole, and the condition was measured on this one."""
        self.instrument.verify_ddsp()
        DdspModel.load(self.instrument.ddsp_file)

    def test_its_condition_is_that_of_its_voice(self) -> None:
        """The stored vector is what the DDSP model beside it gives, and the recordings, if any."""
        measurement = self.instrument.measured()
        table = measured(self.instrument.ddsp_file, self.instrument.f0_range)
        found, expected = self.instrument.condition(), condition(table, measurement.notes or None)
        if len(measurement.measured_on) == 1:
            np.testing.assert_allclose(found, expected, atol=1e-3)
        else:
            recorded = 2 * found - expected  # the vector is the mean of both
            assert recorded.min() > -1e-3, "it is far from what its voice gives"
            assert recorded.max() < 1.002, "it is far from what its voice gives"

    def test_its_condition_keeps_the_contract(self) -> None:
        """A vector of fixed length, finite, of values from 0 to 1."""
        vector = self.instrument.condition()
        assert vector.shape == (DIM,)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert vector.min() >= 0
        assert vector.max() <= 1.001
        assert self.instrument.measured().version == CONDITION_VERSION

    def test_its_harmonics_are_shares_and_end_at_nyquist(self) -> None:
        """Where it has a pitch, each tone's harmonics sum to one, and none lies too high."""
        if not self.instrument.f0_range:
            raise SkipTest("it has no pitch")
        table = measured(self.instrument.ddsp_file, self.instrument.f0_range)
        shares = table.distributions  # (levels, pitches, harmonics)
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=-1), 1, atol=1e-4)
        hz = midi_to_hz(table.pitches)
        numbers = np.arange(1, shares.shape[-1] + 1)
        above = hz[:, None] * numbers >= self.instrument.config.sample_rate / 2
        assert above.any()
        assert shares[:, above].max() < 1e-4

    def test_its_note_lasts_and_sounds_at_its_pitch(self) -> None:
        """Where it has a pitch, its voice's energy lies at multiples of the fundamental."""
        if not self.instrument.f0_range:
            raise SkipTest("it has no pitch")
        audio, f0 = self.note(1.0), self.middle()
        assert 1e-3 < np.sqrt(np.mean(audio**2)) < 2
        spectrum = np.abs(np.fft.rfft(audio[4000:12_000] * np.hanning(8000)))  # 2 Hz a bin
        harmonics = [round(f0 * k / 2) for k in range(1, int(7000 / f0) + 1)]
        on = sum(spectrum[bin - 2 : bin + 3].max() for bin in harmonics)
        off = sum(spectrum[bin + round(f0 / 4) - 2 :][:5].max() for bin in harmonics)
        assert on > 5 * off

    def test_a_recording_of_its_voice_ignores_duration_and_gain(self) -> None:
        """Where it has a pitch, the condition of a note is that of a softer or longer one."""
        if not self.instrument.f0_range:
            raise SkipTest("it has no pitch")
        once, midi = self.note(1.0), round(hz_to_midi(self.middle()))
        vectors = [
            condition(tones_of([RecordedNote(midi, audio)]))
            for audio in (once, 0.5 * once, self.note(2.0))
        ]
        np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-3)
        difference = np.sqrt(np.mean((vectors[2] - vectors[0]) ** 2))
        assert difference < 0.02, "its noise is another"

    def test_its_strokes_are_noise(self) -> None:
        """Where it has no pitch, no partial stands out, and noise fills the condition."""
        if self.instrument.f0_range:
            raise SkipTest("it has a pitch")
        audio = self.note(1.0)
        assert 1e-3 < np.sqrt(np.mean(audio**2)) < 2
        power = np.square(np.abs(np.fft.rfft(audio[4000:12_000] * np.hanning(8000))))
        assert power.max() < 0.05 * power.sum(), "a single partial carries it"
        parts = split(self.instrument.condition())
        assert not parts["registers"].any()
        assert parts["noise"].any()
        assert parts["noise"][-1] == 1, "all of it is noise"

    def middle(self) -> float:
        """A fundamental in Hz in the middle of the instrument's range; 0 Hz without pitch."""
        return float(np.sqrt(np.prod(self.instrument.f0_range or (0.0, 0.0))))

    def note(self, seconds: float) -> NDArray[np.float32]:
        """One note of the instrument, or a roll, played by its voice: (samples,)."""
        model = DdspModel.load(self.instrument.ddsp_file).eval()
        shape = 1, int(seconds * FRAME_RATE)
        f0_hz = torch.full(shape, self.middle())
        loudness_db = torch.full(shape, model.trained_range.loudness_db[1])
        with torch.no_grad():
            audio = model(f0_hz, loudness_db, torch.Generator().manual_seed(0))
        played: NDArray[np.float32] = audio[0].numpy().astype(np.float32)
        return played
