"""Music that is no chorale: tunes for ensembles, stretches of quartets, and whose turn it is."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from typer.testing import CliRunner

from timbresep.commands.app import assemble
from timbresep.data.recipe import Soundfont, Voice
from timbresep.data.rendering.casting import TEMPO_S, Player, arrange
from timbresep.data.rendering.plan import Plan, TrackSet, plan_tracks
from timbresep.data.rendering.repertoire import MUSIC, setting, stretch
from timbresep.data.rendering.scores import Music, Note, Part, Score, family_of
from timbresep.data.rendering.tune_sets import RELATIONS, medley, related, tune_set
from timbresep.data.track import split_of
from timbresep.errors import UnknownNameError

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def melody(rng: np.random.Generator, count: int, length: float) -> Part:
    return tuple(Note(k * length, length, int(rng.choice(SCALE))) for k in range(count))


def pieces(music: Music, count: int = 60, bars: tuple[float, ...] = (2.0, 3.0)) -> list[Score]:
    """Pieces whose melodies differ: tunes of 24 quarters, others of 200 quarters in four parts."""
    rng = np.random.default_rng(get_args(Music).index(music))
    found = []
    for k in range(count):
        if music == "tunes":
            parts: tuple[Part, ...] = (melody(rng, 48, 0.5),)
        else:
            parts = tuple(melody(rng, 400, 0.5) for _ in range(4))
        bar = bars[k % len(bars)]
        found.append(Score(f"{music}/{k}", family_of(parts[0]), parts, bar, music=music))
    return found


def test_tunes_fill_the_time_and_keep_to_one_length_of_bar() -> None:
    pool = pieces("tunes")
    bars = {tune.piece: tune.bar for tune in pool}
    made = tune_set(pool[0], pool, 90.0, np.random.default_rng(0))
    names = made.piece.split(" + ")
    assert names[0] == "tunes/0"
    assert len(names) >= 4
    assert {bars[name] for name in names} == {2.0}
    assert len(made.parts) == 4
    for part in made.parts:
        assert part
        assert max(note.start for note in part) > 80.0
    assert max(note.start for note in made.parts[0]) < 90.0


def test_a_tune_begins_in_the_bars_of_the_one_before() -> None:
    first = Score("a", "a", (tuple(Note(0.5 * k, 0.5, 60) for k in range(13)),), 2.0, upbeat=0.5)
    second = Score("b", "b", (tuple(Note(0.5 * k, 0.5, 72) for k in range(15)),), 2.0, upbeat=1.5)
    part, names = medley(first, [second], 13.0, np.random.default_rng(0))
    assert names == ["a", "b"]
    begins = min(note.start for note in part if note.midi == 72)
    assert begins >= 6.5
    assert (begins + 1.5 - 0.5) % 2.0 == pytest.approx(0.0)
    assert all(a.end <= b.start + 1e-9 for a, b in itertools.pairwise(part))


def test_a_doubled_part_is_the_tune_in_unison_or_octaves_also_when_it_is_played() -> None:
    lead = pieces("tunes", 1)[0].parts[0]
    fonts = (Soundfont(file="any.sf2", programs=[0], licence="MIT"),)
    rng = np.random.default_rng(1)
    shifts = set()
    for _ in range(20):
        part = related(lead, "doubled", 2.0, rng)
        assert [(n.start, n.duration) for n in part] == [(n.start, n.duration) for n in lead]
        shifts |= {b.midi - a.midi for a, b in zip(lead, part, strict=True)}
    assert shifts == {-12, 0, 12}
    score = Score("a", "a", (lead, related(lead, "doubled", 2.0, rng)))
    cast = {
        "high": Player("high", Voice(range=(70, 95)), fonts),
        "low": Player("low", Voice(range=(30, 50)), fonts),
    }
    same = 0
    for seed in range(8):
        played, _ = arrange(score, list(cast), cast, 60.0, np.random.default_rng(seed))
        high, low = ([event.midi for event in one.events] for one in played)
        if len(high) == len(low) == len(lead):  # neither has made arpeggios of it
            same += 1
            assert Counter(a % 12 for a in high) == Counter(b % 12 for b in low)
            assert min(high) > max(low)
    assert same >= 4


def test_thirds_are_steps_of_the_tunes_scale_and_a_canon_comes_bars_later() -> None:
    lead = tuple(Note(float(k), 1.0, midi) for k, midi in enumerate(SCALE))
    thirds = related(lead, "thirds", 2.0, np.random.default_rng(0))
    assert [note.midi for note in thirds] == [57, 59, 60, 62, 64, 65, 67, 69]
    canon = related(lead, "canon", 3.0, np.random.default_rng(0))
    assert {b.start - a.start for a, b in zip(lead, canon, strict=True)} <= {3.0, 6.0}
    assert [note.midi for note in canon] == list(SCALE)
    lonely = related(
        tuple(Note(float(k), 1.0, 60) for k in range(4)), "thirds", 2.0, np.random.default_rng(0)
    )
    assert {note.midi for note in lonely} == {48}


def test_all_relations_and_touches_occur() -> None:
    pool = pieces("tunes")
    seen: Counter[str] = Counter()
    for seed in range(60):
        made = tune_set(pool[seed], pool, 30.0, np.random.default_rng(seed))
        lengths = {note.duration for part in made.parts for note in part}
        seen.update(f"{length:.3f}" for length in lengths)
    assert {"0.500", "0.175", "0.250"} <= set(seen), "as written, short, struck twice"
    assert set(RELATIONS) == {"other", "doubled", "thirds", "canon"}


def test_a_stretch_begins_with_a_bar_anywhere_and_is_as_long_as_asked() -> None:
    (piece,) = pieces("quartets", 1, (3.0,))
    piece = replace(piece, upbeat=1.0)
    firsts = set()
    for seed in range(40):
        part = stretch(piece, 50.0, np.random.default_rng(seed))
        assert part.length == pytest.approx(50.0)
        assert [len(notes) for notes in part.parts] == [100] * 4
        assert all(note.start >= 0 for notes in part.parts for note in notes)
        pitches = [note.midi for note in part.parts[0]]
        whole = [note.midi for note in piece.parts[0]]
        (begin,) = [k for k in range(300) if whole[k : k + 100] == pitches] or [300]
        assert part.upbeat == (1.0 if begin == 0 else 0.0)
        assert begin == 0 or (begin / 2 - 1.0) % 3.0 == 0.0
        firsts.add(begin)
    assert len(firsts) > 20


def test_a_held_note_begins_with_the_stretch_and_short_pieces_are_whole() -> None:
    held = Score("a", "a", ((Note(0.0, 8.0, 60, 50), Note(8.0, 1.0, 62)),))
    assert held.since(6.0).parts[0] == (Note(0.0, 2.0, 60, 50), Note(2.0, 1.0, 62))
    assert stretch(held, 30.0, np.random.default_rng(0)).parts == held.parts


def test_the_sides_of_the_split_share_no_piece() -> None:
    scores = [score for music in MUSIC for score in pieces(music)]
    family = {score.piece: score.family for score in scores}
    played: dict[str, set[str]] = {}
    for side in ("train", "valid", "test"):
        plans = plan_tracks(scores, list("abcd"), 4, TrackSet(side, 40, (20, 30), music=MUSIC))
        names = {name for plan in plans for name in plan.score.piece.split(" + ")}
        assert {name.split("/")[0] for name in names} == set(MUSIC)
        assert {split_of(family[name]) for name in names} == {side}
        played[side] = names
    assert not played["train"] & (played["valid"] | played["test"])
    assert not played["valid"] & played["test"]


def test_kinds_take_turns_and_more_tracks_keep_the_first_ones() -> None:
    scores = [score for music in MUSIC for score in pieces(music)]
    few, many = (
        plan_tracks(scores, list("abcdef"), 4, TrackSet("train", n, (5, 9), music=MUSIC))
        for n in (7, 150)
    )
    assert [plan.score.music for plan in few] == [MUSIC[k % 3] for k in range(7)]
    assert few == many[:7]


def test_chorales_are_planned_as_before_whatever_else_the_library_has() -> None:
    chorales = pieces("chorales")
    tracks = TrackSet("train", 90, (5, 9), seed=3)
    alone = plan_tracks(chorales, list("abcd"), 4, tracks)
    beside = plan_tracks([*pieces("tunes"), *chorales], list("abcd"), 4, tracks)
    assert alone == beside
    assert all(plan.score in chorales for plan in alone)
    # As it was before there were other kinds: permutations of the pool, one after another.
    pool = [score for score in chorales if split_of(score.family) == "train"]
    rng = np.random.default_rng([3, 0, 0])
    order = [int(k) for _ in range(3) for k in rng.permutation(len(pool))]
    assert [plan.score for plan in alone] == [pool[k] for k in order[:90]]


def test_a_piece_is_set_by_the_tracks_own_chance() -> None:
    scores = pieces("quartets")
    plans: list[Plan] = plan_tracks(
        scores, list("abcd"), 4, TrackSet("train", 3, (20, 20), music=("quartets",))
    )
    (piece,) = [score for score in scores if score.piece == plans[0].score.piece]
    again = setting(piece, [], 20 / TEMPO_S[0], np.random.default_rng([plans[0].seed, 3]))
    assert again == plans[0].score


@pytest.mark.parametrize("command", ["render", "extras"])
def test_music_that_is_not_known_is_told(tmp_path: Path, command: str) -> None:
    result = CliRunner().invoke(
        assemble(), ["data", command, "--music", "tune,quartets", "-o", str(tmp_path / "out")]
    )
    assert isinstance(result.exception, UnknownNameError)
    assert "'tune'" in str(result.exception)
    assert "tunes" in (result.exception.hint or "")
