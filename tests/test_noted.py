"""A separator that knows the notes: its stems are the parts of a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from fakes import PLAIN, RATE, GainBackbone, loaded
from test_cascade import Shares, chain
from timbresep.condition.vector import length
from timbresep.errors import AudioError, DataError, UnknownNameError
from timbresep.metrics import sdr
from timbresep.notes.disturbance import late
from timbresep.notes.score import Note, StemNotes
from timbresep.separation.notes_only import NotesOnly
from timbresep.separation.separator import Separator
from tones import HORN, REED, condition, line, played

ONE, TWO = line("fiddle_1", (60, 64, 67, 62)), line("fiddle_2", (67, 72, 62, 65))
STEMS = [ONE, TWO]
SECONDS = 2.0
FIRST, SECOND = (played(stem, SECONDS, RATE)[None] for stem in STEMS)
MIXTURE = FIRST + SECOND
STEREO = np.tile(MIXTURE, (2, 1))
DIM = length(1)

Known = Separator | NotesOnly


def network(chunk: int = 4 * RATE, **gains: float) -> Separator:
    """A network that gives each instrument a fixed share of the mixture."""
    return Separator(loaded(GainBackbone(DIM, chunk, RATE // 4), **gains), options=PLAIN)


def beside(stems: Sequence[StemNotes]) -> Separator:
    return network(fiddle=0.5, flute=0.1).with_notes(stems)


def alone(stems: Sequence[StemNotes]) -> NotesOnly:
    return NotesOnly(stems, {"fiddle": condition(REED)}, PLAIN)


WAYS = pytest.mark.parametrize("known", [beside, alone])


@WAYS
def test_two_players_of_one_instrument_are_two_stems(
    known: Callable[[Sequence[StemNotes]], Known],
) -> None:
    separator = known(STEMS)
    assert separator.asked == ("fiddle_1", "fiddle_2")
    stems = separator.separate(MIXTURE, RATE)
    assert list(stems) == ["fiddle_1", "fiddle_2"]
    for stem, truth in zip(stems.values(), (FIRST, SECOND), strict=True):
        assert sdr(truth, stem) > 10


@WAYS
def test_swapped_notes_swap_the_stems(known: Callable[[Sequence[StemNotes]], Known]) -> None:
    stems = known(STEMS).separate(MIXTURE, RATE)
    swapped = known([replace(ONE, notes=TWO.notes), replace(TWO, notes=ONE.notes)]).separate(
        MIXTURE, RATE
    )
    np.testing.assert_allclose(swapped["fiddle_1"], stems["fiddle_2"], atol=1e-4)
    np.testing.assert_allclose(swapped["fiddle_2"], stems["fiddle_1"], atol=1e-4)


@WAYS
def test_a_player_without_a_note_is_silent(known: Callable[[Sequence[StemNotes]], Known]) -> None:
    resting = StemNotes("oboe", "oboe", ())
    early = replace(TWO, notes=TWO.notes[:1])
    stems = known([ONE, early, resting]).separate(FIRST, RATE)
    assert np.abs(stems["oboe"]).max() < 0.01 * np.abs(FIRST).max()
    after = stems["fiddle_2"][:, RATE:]  # half a second after its only note
    assert np.abs(after).max() < 0.01 * np.abs(FIRST).max()


@WAYS
def test_parts_that_nobody_asks_for_take_their_share(
    known: Callable[[Sequence[StemNotes]], Known],
) -> None:
    separator = known(STEMS)
    asked = separator.separate(MIXTURE, RATE, ["fiddle_2"])
    assert list(asked) == ["fiddle_2"]
    np.testing.assert_allclose(asked["fiddle_2"], separator.separate(MIXTURE, RATE)["fiddle_2"])
    whole = known([TWO]).separate(MIXTURE, RATE)["fiddle_2"]
    assert sdr(SECOND, asked["fiddle_2"]) > sdr(SECOND, whole) + 3


@WAYS
def test_little_is_left_of_what_notes_explain(
    known: Callable[[Sequence[StemNotes]], Known],
) -> None:
    left = MIXTURE - sum(known(STEMS).separate(MIXTURE, RATE).values())
    assert np.square(left).sum() < 0.02 * np.square(MIXTURE).sum()


@WAYS
def test_sound_where_nobody_has_a_note_is_left(
    known: Callable[[Sequence[StemNotes]], Known],
) -> None:
    knock = np.zeros_like(MIXTURE)
    at = slice(round(1.0 * RATE), round(1.3 * RATE))
    knock[0, at] = 0.1 * np.random.default_rng(0).standard_normal(at.stop - at.start)
    first, second = (replace(stem, notes=stem.notes[:1]) for stem in STEMS)
    notes = played(first, SECONDS, RATE) + played(second, SECONDS, RATE)
    left = notes + knock - sum(known([first, second]).separate(notes + knock, RATE).values())
    assert sdr(knock[:, at], left[:, at]) > 20


@WAYS
def test_louder_changes_nothing_else(known: Callable[[Sequence[StemNotes]], Known]) -> None:
    soft, loud = (known(STEMS).separate(gain * MIXTURE, RATE) for gain in (0.01, 10.0))
    for name in soft:
        np.testing.assert_allclose(1000 * soft[name], loud[name], rtol=1e-2, atol=5e-3)


@WAYS
def test_silence_gives_silence(known: Callable[[Sequence[StemNotes]], Known]) -> None:
    stems = known(STEMS).separate(0 * MIXTURE, RATE)
    assert not any(stem.any() for stem in stems.values())


@WAYS
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [RATE, 11_025, 44_100])
def test_any_rate_and_mono_keep_length_and_channels(
    known: Callable[[Sequence[StemNotes]], Known], channels: int, rate: int
) -> None:
    truth = np.tile(played(ONE, SECONDS, rate), (channels, 1))
    mixture = truth + np.tile(played(TWO, SECONDS, rate), (channels, 1))
    mixture, truth = mixture[:, :-77], truth[:, :-77]
    stems = known(STEMS).separate(mixture, rate)
    assert {stem.shape for stem in stems.values()} == {mixture.shape}
    assert sdr(truth, stems["fiddle_1"]) > 10


@WAYS
@pytest.mark.parametrize("samples", [1, 2, 700])
def test_a_few_samples_are_enough(
    known: Callable[[Sequence[StemNotes]], Known], samples: int
) -> None:
    stems = known(STEMS).separate(MIXTURE[:, 3000 : 3000 + samples], RATE)
    assert {stem.shape for stem in stems.values()} == {(1, samples)}


@WAYS
def test_a_stream_gives_what_memory_gives(known: Callable[[Sequence[StemNotes]], Known]) -> None:
    separator = known(STEMS)
    blocks = (MIXTURE[:, at : at + 777] for at in range(0, MIXTURE.shape[1], 777))
    pairs = list(separator.stream(blocks, RATE, 1, ["fiddle_2", "fiddle_1"]))
    np.testing.assert_array_equal(np.concatenate([m for m, _ in pairs], axis=1), MIXTURE)
    found = np.concatenate([stems for _, stems in pairs], axis=2)
    whole = separator.separate(MIXTURE, RATE)
    np.testing.assert_allclose(found[0], whole["fiddle_2"], atol=1e-5)
    np.testing.assert_allclose(found[1], whole["fiddle_1"], atol=1e-5)


@WAYS
def test_a_separator_separates_each_recording_anew(
    known: Callable[[Sequence[StemNotes]], Known],
) -> None:
    separator = known(STEMS)
    first = separator.separate(MIXTURE, RATE)
    separator.separate(np.roll(MIXTURE, 3000, axis=1), RATE)
    for name, stem in separator.separate(MIXTURE, RATE).items():
        np.testing.assert_array_equal(stem, first[name])


@WAYS
def test_notes_60_ms_late_cost_little(known: Callable[[Sequence[StemNotes]], Known]) -> None:
    stems = known(late(STEMS, 0.06)).separate(MIXTURE, RATE)
    for stem, truth in zip(stems.values(), (FIRST, SECOND), strict=True):
        assert sdr(truth, stem) > 9


@WAYS
def test_notes_of_another_piece_do_not_help(
    known: Callable[[Sequence[StemNotes]], Known],
) -> None:
    others = [line("fiddle_1", (58, 70, 61, 75)), line("fiddle_2", (63, 66, 73, 68))]
    right, wrong = (known(stems).separate(MIXTURE, RATE)["fiddle_1"] for stems in (STEMS, others))
    assert sdr(FIRST, right) > sdr(FIRST, wrong) + 8


@WAYS
def test_only_panning_tells_the_same_notes_apart(
    known: Callable[[Sequence[StemNotes]], Known],
) -> None:
    """Two players start with notes of their own and end in unison."""
    first, second = line("fiddle_1", (60, 64, 67, 72)), line("fiddle_2", (67, 62, 67, 72))
    waves = [played(first, SECONDS, RATE), 0.8 * played(second, SECONDS, RATE, HORN)]
    unison = slice(round(1.25 * RATE), None)

    def score(place: float) -> float:
        truth = np.stack([waves[0], (1 - place) * waves[0]])
        mixture = truth + np.stack([(1 - place) * waves[1], waves[1]])
        stem = known([first, second]).separate(mixture, RATE)["fiddle_1"]
        return sdr(truth[:, unison], stem[:, unison])

    assert score(0.9) > score(0.0) + 4


def test_short_windows_are_close_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stems = [line("fiddle_1", (60, 64, 67, 62) * 4), line("fiddle_2", (67, 72, 62, 65) * 4)]
    parts = [played(stem, 8, RATE)[None] for stem in stems]
    whole = beside(stems).separate(sum(parts), RATE)
    monkeypatch.setattr("timbresep.separation.separator.NOTES_S", 2.0)
    chunked = beside(stems).separate(sum(parts), RATE)
    for stem, truth in zip(stems, parts, strict=True):
        assert sdr(truth, chunked[stem.stem]) > sdr(truth, whole[stem.stem]) - 2
        assert sdr(whole[stem.stem], chunked[stem.stem]) > 12


def test_notes_are_looked_for_at_their_time_in_every_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One player begins where the other ends, in a window that is not the first."""
    monkeypatch.setattr("timbresep.separation.separator.NOTES_S", 1.5)
    one = StemNotes("fiddle_1", "fiddle", (Note(0.0, 4.0, 60),))
    two = StemNotes("fiddle_2", "fiddle", (Note(4.5, 8.0, 60),))
    parts = [played(stem, 8, RATE)[None] for stem in (one, two)]
    stems = beside([one, two]).separate(sum(parts), RATE)
    assert sdr(parts[0], stems["fiddle_1"]) > 10
    assert sdr(parts[1], stems["fiddle_2"]) > 10


def test_a_separator_with_notes_leaves_the_other_as_it_was() -> None:
    before = network(fiddle=0.5, flute=0.1)
    names, stems = before.instruments, before.separate(MIXTURE, RATE)
    known = before.with_notes(STEMS)
    assert known.instruments == ("fiddle_1", "fiddle_2", "fiddle", "flute")
    assert (before.instruments, before.asked, before.notes) == (names, names, None)
    for name, stem in before.separate(MIXTURE, RATE).items():
        np.testing.assert_array_equal(stem, stems[name])
    again = known.with_notes([ONE])
    assert (again.asked, known.asked) == (("fiddle_1",), ("fiddle_1", "fiddle_2"))


def test_options_keep_the_notes() -> None:
    known = beside(STEMS).with_options(mixture_consistency=True)
    stems = known.separate(MIXTURE, RATE)
    assert list(stems) == ["fiddle_1", "fiddle_2"]
    np.testing.assert_allclose(sum(stems.values()), MIXTURE, atol=1e-5)


def test_more_conditions_keep_the_notes() -> None:
    known = beside(STEMS).with_conditions({"lute": condition(HORN)}, {})
    assert known.asked == ("fiddle_1", "fiddle_2")
    assert known.instruments == ("fiddle_1", "fiddle_2", "fiddle", "flute", "lute")
    assert list(known.separate(MIXTURE, RATE)) == ["fiddle_1", "fiddle_2"]


def test_notes_alone_keep_mixture_consistency() -> None:
    known = NotesOnly(STEMS, {}, replace(PLAIN, mixture_consistency=True))
    stems = known.separate(MIXTURE, RATE)
    np.testing.assert_allclose(sum(stems.values()), MIXTURE, atol=1e-5)


def test_an_instrument_outside_the_score_has_what_the_network_gives_it() -> None:
    rng = np.random.default_rng(1)
    noise = (0.05 * rng.standard_normal(FIRST.shape)).astype(np.float32)
    separator = network(flute=0.3, fiddle=0.5).with_notes([ONE])
    stems = separator.separate(FIRST + noise, RATE, ["fiddle_1", "flute"])
    assert sdr(FIRST, stems["fiddle_1"]) > 5
    assert np.square(stems["flute"]).sum() > 0.05 * np.square(noise).sum()
    assert sdr(noise, stems["flute"]) > sdr(noise, FIRST + noise)


def test_a_network_that_knows_nobody_is_not_asked() -> None:
    separator = network(drum=0.5)
    calls = separator.checkpoint.model.calls
    stems = separator.with_notes(STEMS).separate(MIXTURE, RATE)
    assert separator.checkpoint.model.calls == calls
    assert sdr(FIRST, stems["fiddle_1"]) > 10


def test_a_network_helps_where_notes_do_not_say_enough() -> None:
    """Two players have the same notes, and the network hears one of them four times as loud."""
    one, two = line("fiddle", (60, 64)), line("flute", (60, 64))
    mixture = played(one, 1, RATE)[None]
    stems = network(fiddle=0.8, flute=0.2).with_notes([one, two]).separate(mixture, RATE)
    assert np.square(stems["fiddle"]).sum() > 1.3 * np.square(stems["flute"]).sum()


def test_names_that_nobody_knows_are_said() -> None:
    with pytest.raises(UnknownNameError, match="knows no instrument 'gong'"):
        beside(STEMS).separate(MIXTURE, RATE, ["gong"])
    with pytest.raises(UnknownNameError, match="the score has no part for 'fiddle'") as raised:
        alone(STEMS).separate(MIXTURE, RATE, ["fiddle"])
    assert "did you mean 'fiddle_" in str(raised.value.hint)
    with pytest.raises(DataError, match="no notes"):
        network(fiddle=0.5).with_notes([])
    with pytest.raises(AudioError, match="3 channels"):
        alone(STEMS).separate(np.zeros((3, 100), np.float32), RATE)


# Behind a source model: `chain` of the cascade's tests, whose network takes any number as a gain.


def test_a_part_whose_source_counts_alone_is_the_source() -> None:
    separator = chain((0.6, 0.0, 0.4), singer=0.1, fiddle=0.1)
    singing = replace(ONE, stem="singer", instrument="singer")
    stems = separator.with_notes([singing, TWO]).separate(STEREO, RATE)
    np.testing.assert_allclose(stems["singer"], 0.6 * STEREO, atol=1e-5)
    in_rest = separator.with_notes([TWO]).separate(STEREO, RATE)["fiddle_2"]
    assert np.square(stems["fiddle_2"]).sum() <= 0.4**2 * np.square(STEREO).sum()
    assert in_rest.shape == STEREO.shape


def test_parts_in_one_source_share_it_by_their_notes() -> None:
    separator = chain((0.0, 0.6, 0.4), low=0.2, lower=0.2, fiddle=0.1)
    parts = [replace(ONE, stem="low", instrument="low"), replace(TWO, stem="lower")]
    parts[1] = replace(parts[1], instrument="lower")
    stems = separator.with_notes(parts).separate(STEREO, RATE)
    assert sdr(0.6 * np.tile(FIRST, (2, 1)), stems["low"]) > 8
    assert sdr(0.6 * np.tile(SECOND, (2, 1)), stems["lower"]) > 8


def test_a_source_that_does_not_count_leaves_its_part_in_the_mixture() -> None:
    separator = chain((0.1, 0.0, 0.9), singer=0.1, fiddle=0.1)
    singing = replace(ONE, stem="singer", instrument="singer")
    found = separator.with_notes([singing, TWO]).separate(STEREO, RATE)
    without = Separator(separator.checkpoint, {}, separator.options)
    expected = without.with_notes([singing, TWO]).separate(STEREO, RATE)
    for name, stem in expected.items():
        np.testing.assert_array_equal(found[name], stem)


def test_an_instrument_outside_the_score_is_what_the_chain_makes_of_it() -> None:
    separator = chain((0.6, 0.0, 0.4), singer=0.1, fiddle=0.1)
    stems = separator.with_notes([ONE]).separate(STEREO, RATE, ["fiddle_1", "singer"])
    expected = separator.separate(STEREO, RATE, ["singer"])
    np.testing.assert_allclose(stems["singer"], expected["singer"], atol=1e-5)


def test_a_source_model_runs_once_a_window() -> None:
    model = Shares(0.6, 0.0, 0.4)
    separator = chain((), model=model, singer=0.1, fiddle=0.5)
    separator.with_notes(STEMS).separate(STEREO, RATE)
    assert model.calls <= 3  # 16,000 samples in windows of 8000, which overlap a little
