"""Notes that are disturbed: by as much as is said, the same for a seed, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from timbresep.errors import DataError
from timbresep.notes.disturbance import Disturbance
from timbresep.notes.score import Note, StemNotes


def line(name: str, *, pitched: bool = True, first: int = 60) -> StemNotes:
    notes = (Note(0.3 * k, 0.3 * k + 0.25, first + k % 5) for k in range(100))
    return StemNotes(name, name, tuple(notes), pitched)


STEMS = [line("a"), line("b", first=40), line("kit", pitched=False)]


def test_nothing_is_done_unless_said() -> None:
    assert Disturbance()(STEMS, 3) == STEMS


def test_a_seed_gives_the_same_and_another_does_not() -> None:
    everything = Disturbance(bend=0.2, shift=0.06, wrong=5, missing=20)
    assert everything(STEMS, 1) == everything(STEMS, 1)
    assert everything(STEMS, 1) != everything(STEMS, 2)


def test_every_note_comes_late() -> None:
    for before, after in zip(STEMS, Disturbance(shift=0.06)(STEMS, 0), strict=True):
        for one, other in zip(before.notes, after.notes, strict=True):
            assert other.start - one.start == pytest.approx(0.06)
            assert other.end - one.end == pytest.approx(0.06)
            assert other.pitch == one.pitch


def test_what_would_begin_before_the_start_begins_there() -> None:
    early = Disturbance(shift=-0.4)(STEMS, 0)[0].notes
    assert (early[0].start, early[0].end) == (0.0, pytest.approx(0.15))
    assert len(early) == 99, "the first note has ended before"


def test_so_many_notes_are_left_out() -> None:
    after = Disturbance(missing=20)(STEMS, 0)
    assert sum(len(stem.notes) for stem in after) == 240
    assert all(set(a.notes) <= set(b.notes) for a, b in zip(after, STEMS, strict=True))
    assert all(50 < len(stem.notes) < 100 for stem in after)
    assert not any(stem.notes for stem in Disturbance(missing=100)(STEMS, 0))


def test_so_many_pitched_notes_are_wrong_by_a_semitone_or_two() -> None:
    after = Disturbance(wrong=5)(STEMS, 0)
    assert after[2] == STEMS[2], "a drum's key is no pitch"
    pairs = [
        (one, other)
        for before, now in zip(STEMS, after, strict=True)
        for one, other in zip(before.notes, now.notes, strict=True)
    ]
    off = [abs(other.pitch - one.pitch) for one, other in pairs if one != other]
    assert len(off) == 10
    assert set(off) <= {1, 2}
    assert all((one.start, one.end) == (other.start, other.end) for one, other in pairs)


@pytest.mark.parametrize("pitch", [0, 127])
def test_a_wrong_pitch_is_one_that_there_is(pitch: int) -> None:
    stem = StemNotes("a", "a", tuple(Note(k, k + 0.5, pitch) for k in range(30)))
    found = {note.pitch for note in Disturbance(wrong=100)([stem], 0)[0].notes}
    assert found == {abs(pitch - 1), abs(pitch - 2)}


def test_the_tempo_bends_smoothly_within_its_bounds_and_for_all_alike() -> None:
    after = Disturbance(bend=0.2)(STEMS, 5)
    starts = np.array([note.start for note in after[0].notes])
    assert starts[0] == 0
    tempo = np.diff(starts) / 0.3
    assert tempo.min() >= 0.8 - 1e-9
    assert tempo.max() <= 1.2 + 1e-9
    assert np.ptp(tempo) > 0.15, "it does change"
    assert np.abs(np.diff(tempo)).max() < 0.06, "and not at once"
    for other in after[1:]:
        assert [note.start for note in other.notes] == pytest.approx(starts)
    lengths = [note.end - note.start for note in after[0].notes]
    assert np.array(lengths) / 0.25 == pytest.approx(tempo.mean(), abs=0.25)


@pytest.mark.parametrize("stems", [[], [StemNotes("a", "a", ())]])
def test_no_notes_stay_none(stems: list[StemNotes]) -> None:
    assert Disturbance(bend=0.2, shift=0.1, wrong=50, missing=50)(stems, 0) == stems


@pytest.mark.parametrize(
    "values", [{"bend": 1.0}, {"bend": -0.1}, {"wrong": 101}, {"missing": float("nan")}]
)
def test_values_without_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(DataError, match="expected 0 to"):
        Disturbance(**values)
