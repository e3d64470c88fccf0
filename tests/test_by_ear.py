"""A separator beside a transcriber: what it hears decides who has a tone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fakes import JOINT, RATE, GainBackbone, loaded
from test_cascade import SOURCES, Shares
from timbresep.condition.vector import length
from timbresep.data.note_targets import Grid
from timbresep.metrics import sdr
from timbresep.notes.activations import heard
from timbresep.notes.score import StemNotes
from timbresep.separation.cascade import Cascade
from timbresep.separation.options import SeparationOptions
from timbresep.separation.separator import Separator
from timbresep.separation.sources import Sources, SourceStage, places
from timbresep.transcriber import Transcriber
from timbresep.transcription.hearing import Hearing
from tones import HORN, REED, condition, line, played

ONE, TWO = line("fiddle", (60, 64, 67, 62)), line("horn", (67, 72, 62, 65))
SECONDS = 2.0
FIRST, SECOND = (
    played(stem, SECONDS, RATE, shares)[None] for stem, shares in ((ONE, REED), (TWO, HORN))
)
MIXTURE = FIRST + SECOND
DIM = length(1)
NAMED = replace(JOINT, mixture_consistency=True)


class Ear(Transcriber):
    """Hears what it was told of an instrument, whose condition's overtones it knows it by."""

    def __init__(self, told: Mapping[str, StemNotes], known: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.sample_rate, self.channels, self.condition_dim, self.causal = RATE, 2, DIM, False
        self.chunk, self.context = 4 * RATE, RATE // 2
        self.hop, self.lowest, self.pitches = 256, 40, 60
        self.told = [told.get(name) for name in known]
        self.conditions = torch.from_numpy(np.stack(list(known.values())))
        self.heard: list[int] = []

    def logits(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        self.heard.append(mixture.shape[-1])
        asked = torch.cdist(conditions[0], self.conditions).argmin(dim=1)
        rolls = []
        for number in asked.tolist():
            stem = self.told[number]
            notes = () if stem is None else stem.notes
            roll = Grid.of(self).roll(notes, mixture.shape[-1], semitones=0, start=self.start)
            rolls.append(torch.from_numpy(roll))
        return 12 * (torch.stack(rolls)[None] - 0.5)

    start = -0.5
    """The separator's window begins a context before the recording: half a second."""


VOICES = {"fiddle": condition(REED), "horn": condition(HORN), "flute": condition((1.0, 0.1))}


def listening(
    told: Mapping[str, StemNotes], options: SeparationOptions = NAMED, **extra: float
) -> Separator:
    """A network that knows nothing, beside a transcriber that knows `told`."""
    network = GainBackbone(DIM, 4 * RATE, RATE // 2)
    given = loaded(network, **dict.fromkeys(VOICES, 0.5))
    conditions = {name: VOICES[name].copy() for name in VOICES}
    for vector in conditions.values():
        vector[0] = 0.5  # what the network reads: the same share for everybody
    given.conditions.update(conditions)
    ear = loaded(Ear(told, VOICES), **dict.fromkeys(VOICES, 0.0))
    ear.conditions.update(VOICES)
    return Separator(given, options=options, hearing=Hearing(ear, device="cpu"))


def test_two_players_come_apart_by_what_is_heard_of_them() -> None:
    stems = listening({"fiddle": ONE, "horn": TWO}).separate(MIXTURE, RATE, ["fiddle", "horn"])
    assert sdr(FIRST, stems["fiddle"]) > 8
    assert sdr(SECOND, stems["horn"]) > 8
    np.testing.assert_allclose(stems["fiddle"] + stems["horn"], MIXTURE, atol=1e-4)


def test_without_a_transcriber_they_do_not() -> None:
    separator = listening({"fiddle": ONE, "horn": TWO})
    separator.hearing = None
    stems = separator.separate(MIXTURE, RATE, ["fiddle", "horn"])
    assert sdr(FIRST, stems["fiddle"]) < 5


def test_notes_heard_of_the_other_one_swap_the_stems() -> None:
    right = listening({"fiddle": ONE, "horn": TWO}).separate(MIXTURE, RATE, ["fiddle", "horn"])
    wrong = listening({"fiddle": TWO, "horn": ONE}).separate(MIXTURE, RATE, ["fiddle", "horn"])
    assert sdr(FIRST, wrong["horn"]) > 8
    assert sdr(right["fiddle"], wrong["horn"]) > 15


def test_no_stem_depends_on_which_others_are_asked_for() -> None:
    separator = listening({"fiddle": ONE, "horn": TWO}, JOINT)
    more = separator.with_conditions({"viol": condition((0.3, 0.3, 0.3))}, {})
    alone = more.separate(MIXTURE, RATE, ["fiddle"])
    both = more.separate(MIXTURE, RATE, ["horn", "viol", "fiddle"])
    np.testing.assert_allclose(alone["fiddle"], both["fiddle"], atol=1e-6)


def test_louder_changes_nothing() -> None:
    separator = listening({"fiddle": ONE, "horn": TWO}, JOINT)
    soft = separator.separate(0.01 * MIXTURE, RATE, ["fiddle"])["fiddle"]
    loud = separator.separate(MIXTURE, RATE, ["fiddle"])["fiddle"]
    np.testing.assert_allclose(100 * soft, loud, atol=1e-4)


@pytest.mark.parametrize("options", [NAMED, JOINT])
def test_silence_and_noise_give_finite_stems(options: SeparationOptions) -> None:
    separator = listening({"fiddle": ONE}, options)
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, RATE)).astype(np.float32)
    assert not separator.separate(0 * noise, RATE, ["fiddle", "horn"])["horn"].any()
    for stem in separator.separate(noise, RATE, ["fiddle", "horn"]).values():
        assert np.isfinite(stem).all()


def test_a_tenth_of_a_second_is_enough() -> None:
    separator = listening({"fiddle": ONE, "horn": TWO})
    stems = separator.separate(MIXTURE[:, : RATE // 10], RATE, ["fiddle", "horn"])
    assert stems["fiddle"].shape == (1, RATE // 10)


def test_stems_that_share_nothing_need_no_ear() -> None:
    separator = listening({"fiddle": ONE, "horn": TWO}, replace(JOINT, joint=False))
    separator.separate(MIXTURE, RATE, ["fiddle", "horn"])
    assert separator.hearing is not None
    ear = separator.hearing.checkpoint.model
    assert isinstance(ear, Ear)
    assert ear.heard == []


def test_a_score_is_believed_instead() -> None:
    separator = listening({"fiddle": TWO, "horn": ONE}).with_notes([ONE, TWO])
    assert sdr(FIRST, separator.separate(MIXTURE, RATE)["fiddle"]) > 8


def test_what_a_source_model_has_found_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cascade, "counts_in", lambda *_: torch.tensor([0.0, 1.0, 0.0]))
    network = listening({"fiddle": ONE, "horn": TWO}, JOINT)
    found, _ = places({"fiddle": ["rest"], "horn": ["bass"], "flute": []}, SOURCES, "rest")
    first = Sources(SourceStage(Shares(0.0, 0.6, 0.4), "shares", "cpu"), Path(), found)
    stems = [
        Separator(network.checkpoint, None, JOINT, None, first, hearing=ear).separate(
            MIXTURE, RATE, ["fiddle", "horn"]
        )
        for ear in (network.hearing, None)
    ]
    np.testing.assert_allclose(stems[0]["horn"], stems[1]["horn"], atol=1e-5)
    np.testing.assert_allclose(stems[0]["horn"], 0.6 * MIXTURE, atol=1e-5)


def test_activity_is_read_between_the_transcribers_frames() -> None:
    activity = np.zeros((2, 3, 5), np.float32)
    activity[0, 1] = [0, 0, 1, 1, 0]
    activity[1, 1, 2] = 1
    found = heard("reed", activity, 60, 0.1, np.array([-1.0, 0.15, 0.25, 0.35, 9.0]))
    assert found.pitches == (61.0,)
    np.testing.assert_allclose(found.sounding[0], [0, 0.5, 1, 0.5, 0], atol=1e-6)
    assert found.onsets.argmax() in (1, 2)
    assert heard("reed", 0 * activity, 60, 0.1, np.zeros(2)).rests


HALF = replace(ONE, notes=tuple(note for note in ONE.notes if note.start < 1.0))


def test_a_note_that_the_score_lacks_is_heard() -> None:
    heard = listening({"fiddle": ONE, "horn": TWO}).with_notes([HALF, TWO])
    deaf = heard.with_options(transcriber="none")
    assert len(HALF.notes) < len(ONE.notes)
    assert sdr(FIRST, heard.separate(MIXTURE, RATE)["fiddle"]) > 7
    assert sdr(FIRST, deaf.separate(MIXTURE, RATE)["fiddle"]) < 5


def test_a_part_that_the_score_lacks_is_heard() -> None:
    separator = listening({"fiddle": ONE, "horn": TWO}).with_notes([ONE], ["fiddle", "horn"])
    assert sdr(SECOND, separator.separate(MIXTURE, RATE)["horn"]) > 7


def test_what_the_score_says_is_believed_before_what_is_heard() -> None:
    right = listening({}).with_notes([ONE, TWO]).separate(MIXTURE, RATE)
    wrong = listening({"fiddle": TWO, "horn": ONE}).with_notes([ONE, TWO])
    assert sdr(FIRST, right["fiddle"]) > 8
    assert sdr(right["fiddle"], wrong.separate(MIXTURE, RATE)["fiddle"]) > 20


def test_a_new_instrument_claims_more_than_the_network_gives_it() -> None:
    """The network was trained on others, and gives it too little."""
    separator = listening({"fiddle": ONE, "horn": TWO}, JOINT)
    more = separator.with_conditions({"viol": VOICES["fiddle"].copy()}, {})
    known = more.separate(MIXTURE, RATE, ["fiddle"])["fiddle"]
    new = more.separate(MIXTURE, RATE, ["viol"])["viol"]
    assert np.square(new).sum() > 1.5 * np.square(known).sum()
