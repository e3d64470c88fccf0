"""Notes explain a mixture's magnitudes: where they are, by whom, and whatever its level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from timbresep.errors import DataError
from timbresep.metrics import si_sdr
from timbresep.notes.activations import (
    EARLY_S,
    LATE_S,
    ONSET_EARLY_S,
    ONSET_LATE_S,
    near,
    onsets,
    sounding,
    written,
)
from timbresep.notes.factorisation import Player, factorise
from timbresep.notes.score import Note, StemNotes
from timbresep.separation.note_model import NoteModel, transform
from timbresep.separation.note_sources import Notes
from timbresep.stft import STFT
from tones import HORN, REED, condition, line, played

RATE = 8000
TIMES = np.arange(0, 3, 0.01)
FLAT = torch.full((1, 5), 0.2)


def spectrogram(*waves: np.ndarray) -> torch.Tensor:
    """Magnitudes (channels, bins, frames) of channels."""
    found: torch.Tensor = transform(RATE)(torch.from_numpy(np.stack(waves))).abs()
    return found


def claimed(
    known: NoteModel,
    mixture: torch.Tensor,
    stems: Sequence[StemNotes],
    start: float,
    semitones: float = 0.0,
    others: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the notes of stems claim of a window, and the rest."""
    times = start + known.window(mixture.shape[-1], start, semitones).times
    parts = [written(stem, times) for stem in stems]
    return known.claims(mixture, parts, semitones=semitones, others=others)


def model(*stems: StemNotes, **overtones: tuple[float, ...]) -> NoteModel:
    voices = {name: condition(shares) for name, shares in overtones.items()}
    return NoteModel(Notes.of_voices(stems, voices), RATE, transform(RATE))


def test_a_pitch_can_sound_only_near_its_notes() -> None:
    notes = [Note(1.0, 1.5, 60), Note(2.0, 2.2, 60), Note(1.2, 1.4, 64)]
    rows = sounding(notes, [60, 62, 64], TIMES)
    inside = [(abs(TIMES - (n.start + n.end) / 2) <= (n.end - n.start) / 2 + 1e-9) for n in notes]
    assert rows[0, inside[0] | inside[1]].all()
    assert rows[2, inside[2]].all()
    assert not rows[1].any()
    for row, own in ((rows[0], notes[:2]), (rows[2], notes[2:])):
        where = TIMES[row > 0]
        far = [all(t < n.start - EARLY_S or t > n.end + LATE_S for n in own) for t in where]
        assert not any(far)


def test_an_onset_is_near_the_start_of_a_note() -> None:
    where = TIMES[onsets([Note(1.0, 2.5, 60)], TIMES)[0] > 0]
    assert where.min() >= 1 - ONSET_EARLY_S - 1e-9
    assert where.max() <= 1 + ONSET_LATE_S + 1e-9
    assert len(where) == pytest.approx(100 * (ONSET_EARLY_S + ONSET_LATE_S), abs=1)


def test_only_notes_that_can_sound_in_a_window_count() -> None:
    early, late, within, across = (Note(*span, 60) for span in ((0, 1), (9, 10), (5, 6), (1, 9)))
    assert near([early, late, within, across], np.arange(4, 7, 0.01)) == [within, across]


def test_the_times_of_frames_are_those_of_what_is_in_them() -> None:
    """A click lies in frames whose middles are around it."""
    wave = np.zeros(RATE, np.float32)
    wave[RATE // 2] = 1.0
    claims = model(StemNotes("a", "a", (Note(0.5, 0.501, 60),), pitched=False))
    start = 7.0
    later = replace(claims.notes.stems[0], notes=(Note(7.5, 7.501, 60),))
    claims.notes = replace(claims.notes, stems=(later,))
    mixture = spectrogram(wave)
    found = claimed(claims, mixture, [later], start)[0]
    assert float(found.sum()) > 0.9 * float(mixture.sum())


def test_two_players_a_fifth_apart_are_found_again() -> None:
    one, two = line("reed", (60, 62, 64, 65)), line("horn", (67, 65, 71, 74))
    parts = played(one, 2, RATE, REED), played(two, 2, RATE, HORN)
    mixture = spectrogram(sum(parts))
    found = claimed(model(one, two, reed=REED, horn=HORN), mixture, [one, two], 0.0)[0]
    for claim, part in zip(found, parts, strict=True):
        truth = spectrogram(part)
        before = si_sdr(truth.numpy(), mixture.numpy())
        assert si_sdr(truth.numpy(), claim.numpy()) > before + 5


def test_what_is_known_to_sound_is_not_explained_again() -> None:
    one, two = line("reed", (60, 62, 64, 65)), line("horn", (60, 62, 64, 65))
    parts = played(one, 2, RATE, REED), played(two, 2, RATE, HORN)
    found, _ = claimed(
        model(one, reed=REED), spectrogram(sum(parts)), [one], 0.0, others=spectrogram(parts[1])
    )
    alone, _ = claimed(model(one, reed=REED), spectrogram(sum(parts)), [one], 0.0)
    truth = spectrogram(parts[0]).numpy()
    assert si_sdr(truth, found[0].numpy()) > si_sdr(truth, alone[0].numpy()) + 10


def test_players_claim_nothing_where_they_have_no_note() -> None:
    one = StemNotes("reed", "reed", (Note(0.0, 0.5, 60),))
    two = StemNotes("horn", "horn", (Note(1.5, 2.0, 67),))
    mixture = spectrogram(played(one, 2, RATE) + played(two, 2, RATE))
    found = claimed(model(one, two), mixture, [one, two], 0.0)[0][:, 0].sum(dim=1)
    times = (np.arange(mixture.shape[-1]) * 256 + 256 - 512) / RATE
    assert not found[0, times > 0.5 + LATE_S].any()
    assert not found[1, times < 1.5 - EARLY_S].any()
    assert found[0].sum() > 0
    assert found[1].sum() > 0


def test_a_stem_without_a_note_in_a_window_claims_nothing_of_it() -> None:
    one, two = line("reed", (60,)), line("horn", (67,), first=20)
    mixture = spectrogram(played(one, 1, RATE))
    found = claimed(model(one, two), mixture, [one, two], 0.0)[0]
    assert not found[1].any()
    assert not claimed(model(two), mixture, [two], 0.0)[0].any()


def test_louder_is_claimed_louder_and_nothing_else() -> None:
    one, two = line("reed", (60, 62)), line("horn", (67, 69))
    mixture = spectrogram(played(one, 1, RATE) + played(two, 1, RATE))
    soft, loud = (claimed(model(one, two), g * mixture, [one, two], 0.0)[0] for g in (1.0, 1000.0))
    np.testing.assert_allclose(1000 * soft, loud, rtol=1e-2, atol=1e-3 * float(loud.max()))


def test_silence_is_claimed_by_nobody() -> None:
    one = line("reed", (60, 62))
    for found in claimed(model(one), 0 * spectrogram(played(one, 1, RATE)), [one], 0.0):
        assert torch.isfinite(found).all()
        assert float(found.abs().max()) < 1e-6


def test_panning_tells_players_of_the_same_tones_apart_where_one_was_heard_alone() -> None:
    """In the second half both have the same notes, and only their places differ."""
    one = line("reed_1", (60, 64, 67, 72))
    two = StemNotes("reed_2", "reed", one.notes[2:])
    first, second = played(one, 2, RATE), played(two, 2, RATE)

    def found(place: float) -> torch.Tensor:
        """Claims with the second player at a place from 0, beside the first, to 1, opposite."""
        left = first + (1 - place) * second
        right = (1 - place) * first + second
        known = model(one, two, reed=REED)
        return claimed(known, spectrogram(left, right), [one, two], 0.0)[0][..., 35:60]

    def balance(claims: torch.Tensor) -> list[float]:
        sides = claims.square().sum(dim=(2, 3))  # (players, channels)
        return [float(10 * (side[0] / side[1]).log10()) for side in sides]

    apart, together = balance(found(0.9)), balance(found(0.0))
    assert apart[0] > 6
    assert apart[1] < -6
    assert together == pytest.approx([0, 0], abs=0.1)


def test_a_part_without_pitch_takes_the_clicks_and_not_the_tone() -> None:
    tone = line("reed", (60, 62, 64, 65))
    hits = StemNotes(
        "kit", "kit", tuple(Note(t, t + 0.05, 38) for t in (0.25, 0.75, 1.25, 1.75)), pitched=False
    )
    noise = np.zeros(2 * RATE, np.float32)
    rng = np.random.default_rng(0)
    for hit in hits.notes:
        at = round(hit.start * RATE)
        noise[at : at + 400] = 0.3 * rng.standard_normal(400) * np.exp(-np.arange(400) / 80)
    sound = played(tone, 2, RATE)
    found = claimed(model(tone, hits, reed=REED), spectrogram(sound + noise), [tone, hits], 0.0)[0]
    assert si_sdr(spectrogram(noise).numpy(), found[1].numpy()) > 6
    assert si_sdr(spectrogram(sound).numpy(), found[0].numpy()) > 10


def test_templates_are_carried_from_window_to_window() -> None:
    """What was learned of a note where it was alone is known where it is not."""
    odd = (0.1, 0.05, 0.6, 0.05, 0.05, 0.5)
    one, two = line("a", (60,), first=0), line("b", (60,), first=1)
    one = replace(one, notes=(*one.notes, Note(1.0, 1.5, 60)))
    solo = played(replace(one, notes=one.notes[:1]), 1, RATE, odd)
    first = played(StemNotes("a", "a", (Note(0, 0.5, 60),)), 1, RATE, odd)
    both = spectrogram(first + played(StemNotes("b", "b", (Note(0, 0.5, 60),)), 1, RATE, HORN))
    fresh, told = model(one, two), model(one, two)
    claimed(told, spectrogram(solo), [one, two], 0.0)
    truth = spectrogram(first).numpy()
    scores = [si_sdr(truth, claimed(m, both, [one, two], 1.0)[0][0].numpy()) for m in (fresh, told)]
    assert scores[1] > scores[0] + 3


@pytest.mark.parametrize("semitones", [0.4, -0.4])
def test_a_tuning_moves_the_templates(semitones: float) -> None:
    one, two = line("reed", (60, 60, 60, 60)), line("horn", (61, 61, 61, 61))
    parts = [
        played(stem, 2, RATE, shares, cents=100 * semitones)
        for stem, shares in ((one, REED), (two, HORN))
    ]
    scores = []
    for told in (0.0, semitones):
        found, _ = claimed(
            model(one, two, reed=REED, horn=HORN),
            spectrogram(sum(parts)),
            [one, two],
            0.0,
            semitones=told,
        )
        scores.append(si_sdr(spectrogram(parts[0]).numpy(), found[0].numpy()))
    assert scores[1] > 10
    assert scores[1] > scores[0] + 3


def test_a_component_stays_silent_where_it_starts_silent() -> None:
    activations = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    players = [Player(FLAT, activations, torch.zeros_like(FLAT))] * 2
    fit = factorise(torch.rand(1, 5, 4), players)
    assert not fit.models[..., [1, 3]].any()
    assert (fit.models[..., [0, 2]] > 0).all()
    assert [heard.shape for heard in fit.heard] == [FLAT.shape, FLAT.shape]


def test_models_sum_to_about_the_mixture() -> None:
    one, two = line("reed", (60, 62, 64)), line("horn", (67, 69, 71))
    mixture = spectrogram(played(one, 1.5, RATE) + played(two, 1.5, RATE, HORN))
    found, rest = claimed(model(one, two, reed=REED, horn=HORN), mixture, [one, two], 0.0)
    assert float(found.sum() + rest.sum()) == pytest.approx(float(mixture.sum()), rel=0.02)
    assert float(rest.sum()) < 0.1 * float(mixture.sum())


def test_noise_is_not_claimed_by_notes() -> None:
    one = line("reed", (60, 62, 64))
    noise = 0.1 * np.random.default_rng(0).standard_normal(round(1.5 * RATE)).astype(np.float32)
    found, rest = claimed(
        model(one, reed=REED), spectrogram(played(one, 1.5, RATE, REED) + noise), [one], 0.0
    )
    heard = float(spectrogram(noise).sum())
    assert float(rest.sum()) == pytest.approx(heard, rel=0.4)
    assert float(found.sum()) < 1.5 * float(spectrogram(played(one, 1.5, RATE, REED)).sum())


def test_one_part_of_two_leaves_the_other_to_players_unknown() -> None:
    one, two = line("reed", (60, 62, 64, 65)), line("horn", (67, 65, 71, 74))
    parts = played(one, 2, RATE, REED), played(two, 2, RATE, HORN)
    mixture, truth = spectrogram(sum(parts)), spectrogram(parts[0]).numpy()
    conditions = {"reed": condition(REED)}
    scores = []
    for partial in (False, True):
        notes = Notes.of_voices([one], conditions, partial=partial)
        found, _ = claimed(NoteModel(notes, RATE, transform(RATE)), mixture, [one], 0.0)
        scores.append(si_sdr(truth, found[0].numpy()))
    assert scores[1] > scores[0] + 3


def test_notes_that_say_nothing_are_refused() -> None:
    empty = StemNotes("a", "a", ())
    with pytest.raises(DataError, match="no notes"):
        Notes.of_voices([empty], {})
    with pytest.raises(DataError, match="no notes"):
        Notes.of_voices([], {})
    twice = line("a", (60,))
    with pytest.raises(DataError, match="two stems have one name"):
        Notes.of_voices([twice, twice], {})


def test_an_instrument_without_a_voice_gets_the_mean_of_all_and_without_any_one_over_k() -> None:
    stems = [line("harp", (60,)), line("reed", (60,))]
    told = Notes.of_voices(stems, {"reed": condition(REED), "horn": condition(HORN)})
    mean = (np.pad(REED, (0, 1)) / sum(REED) + np.array(HORN) / sum(HORN)) / 2
    np.testing.assert_allclose(told.overtones["harp"].at(60)[: len(HORN)], mean, atol=1e-4)
    assert (told.overtones["reed"].at(60) != told.overtones["harp"].at(60)).any()
    untold = Notes.of_voices(stems, {"reed": np.eye(3, dtype=np.float32)[0]})
    np.testing.assert_allclose(untold.overtones["reed"].at(60)[:3], [1, 1 / 2, 1 / 3])


def test_the_transform_is_long_enough_for_low_notes_at_any_rate() -> None:
    for rate in (8000, 16_000, 44_100, 48_000):
        found = transform(rate)
        assert isinstance(found, STFT)
        assert 0.06 < found.n_fft / rate < 0.14
