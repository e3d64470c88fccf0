"""Scores become balanced casts in range, valid MIDI, and audio at the right pitch."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dataset_trees import read_stems
from timbresep import audio
from timbresep.data.recipe import Percussion, Soundfont, Voice
from timbresep.data.rendering.band import seat
from timbresep.data.rendering.casting import Performance, Player, arrange, balanced_casts
from timbresep.data.rendering.midi import Control, Event, midi_file, tuning
from timbresep.data.rendering.performance import chords, fit_octave
from timbresep.data.rendering.plan import TrackSet, plan_tracks
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.scores import Note, Score, family_of, parse
from timbresep.data.rendering.sets import soundfonts_of
from timbresep.data.rendering.tracks import notes_of, render_tracks
from timbresep.data.rendering.waveform import RATE, normalise
from timbresep.errors import DataError, MissingToolError
from timbresep.notes import midi as notes_file

FONT = "FluidR3_GM.sf2"
can_render = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not Path("/usr/share/sounds/sf2", FONT).is_file(),
    reason="needs fluidsynth and FluidR3_GM.sf2",
)


def line(*pitches: int) -> tuple[Note, ...]:
    return tuple(Note(float(k), 1.0, midi) for k, midi in enumerate(pitches))


def library(n: int = 60) -> list[Score]:
    """Scores whose melodies differ."""
    rng = np.random.default_rng(0)
    found = []
    for k in range(n):
        tops = [int(p) for p in rng.integers(62, 76, 12)]
        parts = tuple(line(*(p - 7 * j for p in tops)) for j in range(4))
        found.append(Score(f"piece {k}", family_of(parts[0]), parts))
    return found


def players(*names: str) -> dict[str, Player]:
    fonts = (Soundfont(file=FONT, programs=[73], licence="MIT"),)
    return {
        name: Player(name, Voice(range=(48 + 2 * k, 72 + 2 * k), polyphonic=k % 2 == 0), fonts)
        for k, name in enumerate(names)
    }


def test_split_by_melody_is_disjoint() -> None:
    scores = library()
    sides = {
        side: {
            plan.score.family
            for plan in plan_tracks(scores, ["a", "b"], 4, TrackSet(side, 90, (5, 6)))
        }
        for side in ("train", "valid", "test")
    }
    assert all(sides.values())
    assert not sides["train"] & sides["test"]
    assert not sides["train"] & sides["valid"]
    assert not sides["valid"] & sides["test"]


def test_more_tracks_keep_the_first_ones() -> None:
    few, many = (
        plan_tracks(library(), list("abcdef"), 4, TrackSet("train", n, (5, 9))) for n in (4, 20)
    )
    assert [(p.name, p.cast, p.seconds, p.seed) for p in few] == [
        (p.name, p.cast, p.seconds, p.seed) for p in many[:4]
    ]


def test_settings_of_one_melody_are_one_family() -> None:
    tune = line(67, 69, 71, 71, 74, 72, 67, 64)
    higher = tuple(Note(2 * n.start, 2 * n.duration, n.midi + 5) for n in tune)
    assert family_of(tune) == family_of(higher)
    assert family_of(tune) != family_of(line(67, 65, 64, 62, 60, 62, 64, 65))


def test_casts_are_balanced_and_distinct() -> None:
    casts = balanced_casts(list("abcdef"), 4, 24, np.random.default_rng(0))
    assert all(len(set(cast)) == 4 for cast in casts)
    assert set(Counter(name for cast in casts for name in cast).values()) == {16}


def test_parts_move_by_octaves_into_range() -> None:
    voice = Voice(range=(28, 50))
    part = line(60, 62, 64, 67)
    fitted = fit_octave(part, voice, np.random.default_rng(0))
    shifts = {b.midi - a.midi for a, b in zip(part, fitted, strict=True)}
    assert len(shifts) == 1
    assert shifts.pop() % 12 == 0
    assert all(28 <= n.midi <= 50 for n in fitted)
    wide = fit_octave(line(40, 90), voice, np.random.default_rng(0))
    assert all(28 <= n.midi <= 50 for n in wide)


def test_chords_and_arpeggios_hold_the_other_parts_notes() -> None:
    voice = Voice(range=(48, 84), polyphonic=True)
    own, others = line(72, 74), [line(64, 65), line(55, 53)]
    block = chords(own, others, voice, broken=False)
    assert {n.midi % 12 for n in block if n.start == 0.0} == {0, 4, 7}
    broken = chords(own, others, voice, broken=True)
    assert len({n.start for n in broken}) == len(broken)
    assert max(n.end for n in broken) == pytest.approx(2.0)


def test_arrangement_stays_in_range_and_length_and_follows_the_seed() -> None:
    cast = players("a", "b", "c", "d")
    made = [
        arrange(library()[0], list(cast), cast, 6.0, np.random.default_rng(5)) for _ in range(2)
    ]
    assert made[0] == made[1]
    performances, seconds = made[0]
    assert seconds <= 6.0
    for performance in performances:
        low, high = cast[performance.player].voice.range
        assert all(low <= e.midi <= high and 1 <= e.velocity <= 127 for e in performance.events)
        assert all(0 <= e.start < e.end <= seconds + 0.1 for e in performance.events)


def test_a_soundfont_may_have_a_range_of_its_own(tmp_path: Path) -> None:
    fonts = tuple(
        Soundfont(file=FONT, programs=[program], licence="MIT", range=notes)
        for program, notes in ((64, (56, 87)), (67, (36, 60)))
    )
    player = Player("reed", Voice(range=(44, 80), sustained=True), fonts)
    low = player.on(fonts[1])
    assert low.voice == Voice(range=(36, 60), sustained=True)
    assert player.on(Soundfont(file=FONT, programs=[65], licence="MIT")) == player
    performances, _ = arrange(library()[0], ["reed"], {"reed": low}, 6.0, np.random.default_rng(0))
    assert all(36 <= event.midi <= 60 for event in performances[0].events)


def test_notes_of_a_seed_are_those_that_models_were_trained_on() -> None:
    cast = players("a", "b", "c", "d")
    (plan,) = plan_tracks(library(), list(cast), 4, TrackSet("train", 1, (9.0, 10.0), seed=7))
    rng = np.random.default_rng([plan.seed, 0])
    performances, seconds = arrange(plan.score, plan.cast, cast, plan.seconds, rng)
    digest = hashlib.sha256()
    for played in performances:
        digest.update(midi_file(played.events, played.controls, 73, 0, seconds))
    assert digest.hexdigest()[:16] == "4a7c7c9d7f361066", "rendered sets are no longer reproducible"


@pytest.mark.parametrize(
    ("piece", "bar", "upbeat"), [("bwv103.6", 4.0, 1.0), ("bwv11.6", 3.0, 0.0)]
)
def test_bars_and_upbeats_of_scores(piece: str, bar: float, upbeat: float) -> None:
    corpus = pytest.importorskip("music21.corpus")
    (score,) = parse(corpus, Path(corpus.getWork(f"bach/{piece}")), piece, n_parts=4)
    assert (score.bar, score.upbeat) == (bar, upbeat)
    assert score.until(8.0).bar == bar


def test_midi_file_has_the_standard_layout() -> None:
    data = midi_file([Event(0.0, 1.0, 69, 90)], [], program=40, bank=0, length=2.0)
    assert data[:4] == b"MThd"
    assert data[14:18] == b"MTrk"
    assert int.from_bytes(data[18:22], "big") == len(data) - 22
    assert bytes([0xC0, 40]) in data
    assert bytes([0x90, 69, 90]) in data
    assert data.endswith(b"\xff\x2f\x00")


def test_normalise_sets_the_sounding_level_and_refuses_silence() -> None:
    tone = 0.01 * np.sin(np.arange(RATE, dtype=np.float32) * 0.06)
    wave = normalise(np.concatenate([tone, np.zeros(RATE, np.float32)]))
    assert wave is not None
    assert 20 * np.log10(np.sqrt(np.mean(wave[:RATE] ** 2))) == pytest.approx(-20, abs=0.3)
    assert normalise(np.zeros(RATE, np.float32)) is None
    click = np.zeros(RATE, np.float32)
    click[100] = 0.5
    loud = normalise(click)
    assert loud is not None
    assert np.abs(loud).max() <= 0.981


def test_missing_fluidsynth_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    cast = players("a", "b")
    plans = plan_tracks(library(), list(cast), 4, TrackSet("train", 1, (4.0, 5.0)))
    with pytest.raises(MissingToolError, match="apt install fluidsynth"):
        render_tracks(
            plans, partial(seat, players=cast), tmp_path / "out", soundfonts=soundfonts_of(cast)
        )
    assert not (tmp_path / "out").exists()


def test_missing_soundfont_names_its_package() -> None:
    with pytest.raises(MissingToolError, match="full path in the recipe"):
        find_soundfont("nowhere.sf2")


@can_render
def test_broken_soundfont_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "cut.sf2").write_bytes(b"RIFF")
    midi = midi_file([Event(0.0, 1.0, 69, 90)], [], 73, 0, 2.0)
    with pytest.raises(DataError, match=r"cut\.sf2"):
        render(midi, tmp_path / "cut.sf2", reverb=False)


@can_render
@pytest.mark.parametrize(("midi", "program"), [(69, 73), (45, 33)])
def test_rendered_note_has_its_fundamental(midi: int, program: int) -> None:
    data = midi_file([Event(0.1, 1.5, midi, 100)], [], program, 0, 2.0)
    wave = render(data, find_soundfont(FONT), reverb=False)
    steady = wave[RATE // 2 : RATE // 2 + RATE]
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(len(steady)), 4 * RATE))
    hz = 440 * 2 ** ((midi - 69) / 12)
    near = slice(round(4 * hz / 1.06), round(4 * hz * 1.06))
    assert (near.start + spectrum[near].argmax()) / 4 == pytest.approx(hz, rel=0.01)
    below = spectrum[4 * 20 : round(4 * hz * 0.9)]
    assert below.max() < 0.2 * spectrum[near].max()


@can_render
@pytest.mark.parametrize("cents", [-35.0, 20.0])
def test_a_player_out_of_tune_is_so_by_those_cents(cents: float) -> None:
    def pitch(controls: list[Control]) -> float:
        data = midi_file([Event(0.1, 1.5, 69, 100)], controls, 73, 0, 2.0)
        steady = render(data, find_soundfont(FONT), reverb=False)[RATE // 2 : RATE // 2 + RATE]
        spectrum = np.abs(np.fft.rfft(steady * np.hanning(len(steady)), 16 * RATE))
        return float((16 * 400 + spectrum[16 * 400 : 16 * 480].argmax()) / 16)

    assert 1200 * np.log2(pitch(tuning(cents)) / pitch([])) == pytest.approx(cents, abs=3)


@can_render
def test_rendered_tracks_are_stems_and_are_rendered_once(tmp_path: Path) -> None:
    cast = players("a", "b", "c")
    plans = plan_tracks(library(), list(cast), 3, TrackSet("test", 1, (4.0, 5.0)))
    band = partial(seat, players=cast)
    (folder,) = render_tracks(plans, band, tmp_path)
    (track,) = read_stems(tmp_path)
    assert set(track.stems) == set("abc")
    assert track.split == "test"
    assert track.sound_source == FONT
    stamps = [path.stat().st_mtime_ns for path in folder.iterdir()]
    render_tracks(plans, band, tmp_path)
    assert [path.stat().st_mtime_ns for path in folder.iterdir()] == stamps
    wave, rate = audio.read(track.stems["a"])
    assert rate == RATE
    assert 0.01 < np.abs(wave).max() < 1.0


@can_render
def test_a_rendered_tracks_notes_are_those_that_sound_without_the_tuning(tmp_path: Path) -> None:
    cast = players("a", "b", "c")
    tracks = TrackSet("test", 1, (6.0, 7.0), detune=30.0)
    (plan,) = plan_tracks(library(), list(cast), 3, tracks)
    (folder,) = render_tracks([plan], partial(seat, players=cast), tmp_path)
    kept = {stem.stem: stem for stem in notes_file.read_stems(folder / notes_file.TRACK_NOTES)}
    assert list(kept) == list(plan.cast)
    rng = np.random.default_rng([plan.seed, 0])
    for played in arrange(plan.score, plan.cast, cast, plan.seconds, rng)[0]:
        for event, note in zip(played.events, kept[played.player].notes, strict=True):
            assert note.start == pytest.approx(event.start, abs=0.001)
            assert note.end == pytest.approx(event.end, abs=0.0011)
            assert (note.pitch, note.velocity) == (event.midi, event.velocity)
    heard = 0
    wave = audio.read(folder / f"{plan.cast[0]}.flac")[0][0]
    notes = [note for note in kept[plan.cast[0]].notes if note.end - note.start > 0.2]
    for note in notes:
        part = wave[round((note.start + 0.05) * RATE) : round(note.end * RATE)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), RATE))
        levels = [spectrum[round(440 * 2 ** ((note.pitch + k - 69) / 12))] for k in (0, 2, -2)]
        heard += levels[0] == max(levels)
    assert heard > 0.8 * len(notes) > 4


def test_percussion_has_notes_without_pitch() -> None:
    drummer = Player("kit", Percussion(percussion=True), ())
    performance = Performance("kit", (Event(0.5, 0.1, 36, 100),), ())
    stem = notes_of(performance, drummer)
    assert (stem.stem, stem.pitched) == ("kit", False)
    assert notes_of(performance, players("a")["a"]).pitched
