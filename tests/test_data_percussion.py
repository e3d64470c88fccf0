"""Percussion keeps to the bars, follows its seed, and sounds like what its keys are called."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dataset_trees import read_stems
from test_data_rendered import FONT, can_render, library
from timbresep.data.recipe import Percussion, Recipe, Soundfont, Voice
from timbresep.data.rendering import percussion
from timbresep.data.rendering.band import seat
from timbresep.data.rendering.casting import Player, arrange
from timbresep.data.rendering.midi import PERCUSSION_CHANNEL, Event, midi_file
from timbresep.data.rendering.percussion import GROOVES, KEYS, KICK, SNARE, pattern, solo, strike
from timbresep.data.rendering.plan import Plan
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.scores import Note, Score
from timbresep.data.rendering.solos import render_solos
from timbresep.data.rendering.tracks import render_track
from timbresep.data.rendering.waveform import RATE

KIT = (Soundfont(file=FONT, programs=[0], licence="MIT"),)


def chance(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def overlapping(events: list[Event]) -> list[tuple[Event, Event]]:
    return [
        (one, two)
        for one in events
        for two in events
        if one is not two and one.midi == two.midi and one.start <= two.start < one.end
    ]


def test_grooves_have_a_mark_for_each_step() -> None:
    for groove in GROOVES:
        for key, line in groove.lines.items():
            assert 35 <= key <= 81, "keys of the General MIDI percussion map"
            assert len(line) == groove.bar * groove.steps
            assert set(line) <= {".", *percussion.VELOCITY}


@pytest.mark.parametrize(("bar", "upbeat"), [(4.0, 1.0), (3.0, 0.0), (2.0, 0.5)])
def test_patterns_stress_the_first_beat_of_a_bar(bar: float, upbeat: float) -> None:
    strokes = Counter[float]()
    for seed in range(60):
        part = pattern(40.0, bar, upbeat, chance(seed))
        assert all(upbeat <= note.start < 40 for note in part)
        strokes.update((n.start - upbeat) % bar for n in part if n.midi == KICK)
    assert strokes[0.0] == max(strokes.values())


def test_waltzes_are_not_in_four() -> None:
    def snares(bar: float) -> Counter[float]:
        parts = [pattern(60.0, bar, 0.0, chance(seed)) for seed in range(60)]
        return Counter(n.start % bar for part in parts for n in part if n.midi == SNARE)

    four, three = snares(4.0), snares(3.0)
    assert four[1.0] + four[3.0] > 1.5 * (four[0.0] + four[2.0]), "back beats on two and four"
    assert three[1.0] + three[2.0] > 3 * three[0.0]


def test_any_bar_gets_something() -> None:
    for bar in (1.5, 4.5, 5.0, 6.0, 7.0):
        assert sum(len(pattern(60.0, bar, 0.0, chance(seed))) for seed in range(10)) > 50


def test_patterns_follow_the_seed_and_differ() -> None:
    parts = [pattern(32.0, 4.0, 0.0, chance(seed)) for seed in range(20)]
    assert parts[3] == pattern(32.0, 4.0, 0.0, chance(3))
    assert len(set(parts)) == 20
    sizes = [len(part) for part in parts]
    assert max(sizes) > 3 * min(sizes), "sparse and dense"


def test_a_key_is_released_before_it_is_struck_again() -> None:
    for seed in range(5):
        events = strike(pattern(48.0, 4.0, 1.0, chance(seed)), 0.4, chance(seed))
        events_alone = solo(20.0, chance(seed))
        for played in (events, events_alone):
            assert not overlapping(played)
            assert all(1 <= e.velocity <= 127 and e.start >= 0 for e in played)
        assert events_alone[-1].start < 20


def test_solos_hit_every_key_softly_and_loudly_in_many_tempi() -> None:
    events = [event for seed in range(8) for event in solo(45.0, chance(seed))]
    assert {event.midi for event in events} == set(KEYS)
    velocities = [event.velocity for event in events]
    assert min(velocities) < 40
    assert max(velocities) > 115


def test_in_a_cast_it_plays_in_the_bars_of_the_score_and_the_others_keep_their_parts() -> None:
    tops = tuple(Note(float(k), 1.0, 60 + k % 5) for k in range(24))
    score = Score("piece", "family", (tops, tops, tops, tops), bar=3.0, upbeat=1.0)
    voice = Voice(range=(48, 84))
    cast = {
        "one": Player("one", voice, KIT),
        "kit": Player("kit", Percussion(percussion=True), KIT),
    }
    cast["two"] = Player("two", voice, KIT)
    performances, seconds = arrange(score, list(cast), cast, 30.0, chance(1))
    played = {p.player: p for p in performances}
    assert list(played) == list(cast)
    assert [len(played[name].events) >= 20 for name in ("one", "two")] == [True, True]
    assert {e.midi for e in played["kit"].events} <= {*KEYS}
    assert not played["kit"].controls
    quarter_s = max(e.end for e in played["one"].events) / 24
    assert min(e.start for e in played["kit"].events) > 0.9 * quarter_s, "the upbeat rests"
    assert seconds <= 30


def test_kits_are_on_channel_ten() -> None:
    data = midi_file([Event(0.0, 0.5, KICK, 99)], [], 8, 0, 1.0, channel=PERCUSSION_CHANNEL)
    assert bytes([0xC9, 8]) in data
    assert bytes([0x99, KICK, 99]) in data


@can_render
def test_kick_is_low_and_hi_hat_is_high() -> None:
    def centre(key: int) -> float:
        data = midi_file([Event(0.0, 0.4, key, 100)], [], 0, 0, 0.6, channel=PERCUSSION_CHANNEL)
        wave = render(data, find_soundfont(FONT), reverb=False)
        power = np.abs(np.fft.rfft(wave)) ** 2
        return float((np.fft.rfftfreq(len(wave), 1 / RATE) * power).sum() / power.sum())

    assert centre(KICK) < 200
    assert 200 < centre(SNARE) < 4000
    assert centre(percussion.CLOSED) > 4000


@can_render
def test_rendered_tracks_have_a_percussion_stem(tmp_path: Path) -> None:
    fonts = (Soundfont(file=FONT, programs=[73], licence="MIT"),)
    cast = {"flute": Player("flute", Voice(range=(60, 84)), fonts)}
    cast["kit"] = Player("kit", Percussion(percussion=True), KIT)
    plan = Plan("one", library()[0], ("kit", "flute"), 8.0, "test", 3)
    assert render_track(plan, partial(seat, players=cast), tmp_path)
    (track,) = read_stems(tmp_path)
    assert set(track.stems) == {"kit", "flute"}


@can_render
def test_percussion_solos_need_no_scores(tmp_path: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "use": ["orchestra"],
            "voice": {"percussion": True},
            "sources": {"orchestra": {"kind": "rendered", "soundfonts": [KIT[0].model_dump()]}},
            "solos": {"soundfonts": [KIT[0].model_dump()], "minutes": 0.2},
        }
    )
    assert recipe.solos is not None
    files = render_solos(
        recipe.solos, recipe.voice, tmp_path, tmp_path / "cache", piece_seconds=6.0
    )
    assert len(files) == 2
    assert not (tmp_path / "cache").exists()
