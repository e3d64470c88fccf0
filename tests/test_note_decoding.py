"""Notes of a transcriber's activity: where they begin and end, what cuts them, what is none."""

from __future__ import annotations

import numpy as np
import pytest

from timbresep.data.note_targets import Grid
from timbresep.notes import decoding
from timbresep.notes.decoding import Decoder, decode, in_order
from timbresep.notes.score import Note
from timbresep.transcriber import ONSET, SOUNDING

GRID = Grid(22_050, 1024, 21, 88)
FRAME_S = 1024 / 22_050
SECONDS = 4.0


def activity(*notes: Note, seconds: float = SECONDS) -> np.ndarray:
    """What a transcriber should answer."""
    return GRID.roll(notes, round(seconds * GRID.rate), semitones=0.0, start=0.0)


def decoded(*notes: Note) -> list[Note]:
    return decode(activity(*notes), GRID.lowest, FRAME_S)


def rounded(note: Note) -> tuple[float, float, float]:
    return note.pitch, round(note.start, 6), round(note.end, 6)


def random_notes(seed: int, pitches: tuple[int, ...], seconds: float) -> list[Note]:
    """Lines of notes, with pauses between them and without."""
    rng = np.random.default_rng(seed)
    found = []
    for pitch in pitches:
        time = rng.uniform(0, 0.5)
        while time < seconds - 2:
            end = time + rng.uniform(0.12, 1.5)
            found.append(Note(float(time), float(end), pitch))
            time = end + rng.choice([0.0, 0.01, 0.3])
    return in_order(found)


@pytest.mark.parametrize("start", [0.0, 0.5, 1.0, 1.0231, 1.234, 2.3456])
def test_a_note_is_found_where_it_is(start: float) -> None:
    (note,) = decoded(Note(start, start + 0.7, 60))
    assert note.pitch == 60
    assert note.start == pytest.approx(start, abs=0.005)
    assert note.end == pytest.approx(start + 0.7, abs=FRAME_S / 2 + 0.005)


def test_a_beginning_that_nothing_tells_of_is_where_it_begins_to_sound() -> None:
    heard = activity(Note(20 * FRAME_S, 30 * FRAME_S, 60))
    heard[ONSET] = 0.0
    (note,) = decode(heard, GRID.lowest, FRAME_S)
    assert note.start == pytest.approx(20 * FRAME_S, abs=0.005)
    assert note.end == pytest.approx(30 * FRAME_S, abs=0.005)


def test_lines_of_many_notes_are_found_whole() -> None:
    written = random_notes(0, (60, 64, 67), 60)
    found = decode(activity(*written, seconds=62), GRID.lowest, FRAME_S)
    assert [note.pitch for note in found] == [note.pitch for note in written]
    for note, truth in zip(found, written, strict=True):
        assert note.start == pytest.approx(truth.start, abs=0.005)
        assert note.end == pytest.approx(truth.end, abs=FRAME_S)


def test_a_repeated_note_is_two() -> None:
    first, second = decoded(Note(0.5, 1.0, 60), Note(1.0, 1.5, 60))
    assert first.end == second.start == pytest.approx(1.0, abs=0.005)


def test_a_dropout_is_bridged_a_pause_is_not() -> None:
    heard = activity(Note(1.0, 2.0, 60))
    heard[SOUNDING, 60 - 21, 30] = 0.0
    assert len(decode(heard, GRID.lowest, FRAME_S)) == 1
    heard[SOUNDING, 60 - 21, 30:34] = 0.0
    assert len(decode(heard, GRID.lowest, FRAME_S)) == 2


def test_a_short_pause_before_a_beginning_is_one() -> None:
    heard = activity(Note(20 * FRAME_S, 30 * FRAME_S, 60), Note(31 * FRAME_S, 40 * FRAME_S, 60))
    first, second = decode(heard, GRID.lowest, FRAME_S)
    assert first.end == pytest.approx(30 * FRAME_S, abs=0.005)
    assert second.start == pytest.approx(31 * FRAME_S, abs=0.005)


def test_what_is_shorter_than_a_note_or_unsure_is_none() -> None:
    heard = np.zeros((2, 88, 40), np.float32)
    assert decode(heard, 21, FRAME_S) == []
    heard[SOUNDING, 10, 5] = 1.0
    assert FRAME_S < decoding.SHORTEST_S
    assert decode(heard, 21, FRAME_S) == []
    heard[SOUNDING, 10, 5:20] = decoding.SOUNDS - 0.01
    assert decode(heard, 21, FRAME_S) == []
    heard[SOUNDING, 10, 5:20] = decoding.SOUNDS + 0.01
    assert decode(heard, 21, FRAME_S) == []
    heard[ONSET, 10, 5] = decoding.BEGINS + 0.01
    assert len(decode(heard, 21, FRAME_S)) == 1
    heard[ONSET] = 0.0
    heard[SOUNDING, 10, 12] = decoding.UNTOLD
    assert len(decode(heard, 21, FRAME_S)) == 1
    assert decode(heard[..., :0], 21, FRAME_S) == []


@pytest.mark.parametrize("seed", range(4))
def test_where_activity_is_cut_makes_no_difference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    written = activity(*random_notes(seed, (50, 52, 60), 30), seconds=30)
    heard = np.clip(written + rng.normal(0, 0.25, written.shape), 0, 1).astype(np.float32)
    whole = decode(heard, 21, FRAME_S)
    assert len(whole) > 50
    decoder, found, at = Decoder(21, FRAME_S), [], 0
    while at < heard.shape[-1]:
        count = int(rng.choice([1, 3, 40, 300]))
        found += decoder.push(heard[..., at : at + count])
        at += count
    found += decoder.finish()
    assert sorted(map(rounded, found)) == sorted(map(rounded, whole))


def test_what_is_held_is_no_longer_than_a_note() -> None:
    decoder = Decoder(21, FRAME_S)
    for _ in range(50):
        decoder.push(activity(*random_notes(0, (60, 64), 10), seconds=10))
        assert decoder._held is not None
        assert decoder._held.shape[-1] < 100
