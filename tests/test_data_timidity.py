"""Timidity plays patches, in tune and nothing but those of the configuration it was given."""

from __future__ import annotations

import shutil
import stat
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from test_data_rendered import FONT, library, players
from timbresep.data.recipe import Soundfont, Voice
from timbresep.data.rendering import timidity
from timbresep.data.rendering.band import instead, seat
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.midi import EXPRESSION, PERCUSSION_CHANNEL, Control, Event, midi_file
from timbresep.data.rendering.percussion import KEYS, KICK
from timbresep.data.rendering.plan import TrackSet, plan_tracks
from timbresep.data.rendering.renderer import check, find_soundfont, render
from timbresep.data.rendering.sets import soundfonts_of
from timbresep.data.rendering.tracks import render_tracks
from timbresep.data.rendering.waveform import RATE
from timbresep.errors import DataError, MissingToolError

PATCHES = "freepats.cfg"
can_render = pytest.mark.skipif(
    shutil.which("timidity") is None or not Path("/etc/timidity", PATCHES).is_file(),
    reason="needs timidity and freepats",
)
A4 = [Event(1.0, 1.5, 69, 100)]


def play(
    events: list[Event], program: int, *controls: Control, channel: int = 0, reverb: bool = False
) -> np.ndarray:
    midi = midi_file(events, controls, program, 0, 4.0, channel=channel)
    return render(midi, find_soundfont(PATCHES), reverb=reverb)


def level_db(wave: np.ndarray, first: float, last: float) -> float:
    part = wave[round(first * RATE) : round(last * RATE)].astype(np.float64)
    return float(10 * np.log10(np.mean(part**2) + 1e-12))


def test_missing_timidity_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    fonts = (Soundfont(file="any.cfg", programs=[73], licence="?"),)
    cast = {name: Player(name, Voice(range=(48, 72)), fonts) for name in "ab"}
    plans = plan_tracks(library(), list(cast), 4, TrackSet("train", 1, (4.0, 5.0)))
    with pytest.raises(MissingToolError, match="apt install timidity"):
        render_tracks(
            plans, partial(seat, players=cast), tmp_path / "out", soundfonts=soundfonts_of(cast)
        )
    assert not (tmp_path / "out").exists()


def test_missing_patches_name_their_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, monkeypatch, "")
    monkeypatch.setattr("timbresep.data.rendering.renderer.FOLDERS", (tmp_path,))
    with pytest.raises(MissingToolError, match="apt install freepats"):
        check(PATCHES)


def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    """A `timidity` that says something, plays nothing and is content."""
    program = tmp_path / "timidity"
    lines = ("#!/bin/sh", f"echo '{says}'", "for midi; do :; done", ': > "${midi%in.mid}out.wav"')
    program.write_text("\n".join(lines) + "\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("No instrument mapped to tone bank 0, program 3", "no.*program 3"),
        ("Trying to open /usr/share/sounds/sf2/some.sf2", r"some\.sf2 instead of"),
    ],
)
def test_what_would_be_silent_or_played_by_something_else_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, told: str
) -> None:
    pretend(tmp_path, monkeypatch, says)
    with pytest.raises(DataError, match=f"(?i){told}"):
        timidity.render(midi_file(A4, [], 3, 0, 2.0), tmp_path / "own.cfg", reverb=False)


def test_a_soundfont_for_all_plays_the_programs_that_the_recipe_has_of_it() -> None:
    drawn = Soundfont(file=FONT, programs=[40, 110], licence="MIT")
    own = Soundfont(file=PATCHES, programs=[40], licence="GPL")
    assert instead(PATCHES, drawn, 110, (drawn, own)) == (own, 40)
    assert instead(PATCHES, drawn, 40, (drawn, own)) == (own, 40)
    other, program = instead("other.sf2", drawn, 110, (drawn, own))
    assert (other.file, other.licence, program) == ("other.sf2", "terms of other.sf2", 110)


@can_render
def test_a_program_that_the_patches_lack_is_an_error_though_the_system_has_it() -> None:
    with pytest.raises(DataError, match=r"freepats\.cfg.*program 3"):
        play(A4, 3)


@can_render
def test_patches_that_are_missing_or_broken_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "failed errors"  # words of complaints in a path are none
    folder.mkdir()
    (folder / "own.cfg").write_text("bank 0\n0 cut.pat\n1 gone.pat\n2 whole.pat\n")
    (folder / "cut.pat").write_bytes(b"GF1PATCH110")
    flute = Path("/usr/share/midi/freepats/Tone_000/073_Flute.pat")
    shutil.copyfile(flute, folder / "whole.pat")
    for program, told in ((0, r"cut\.pat"), (1, r"gone\.pat")):
        with pytest.raises(DataError, match=told):
            render(midi_file(A4, [], program, 0, 2.0), folder / "own.cfg", reverb=False)
    whole = render(midi_file(A4, [], 2, 0, 4.0), folder / "own.cfg", reverb=False)
    assert np.array_equal(whole, play(A4, 73))
    with pytest.raises(DataError, match=r"none\.cfg"):
        render(midi_file(A4, [], 0, 0, 2.0), folder / "none.cfg", reverb=False)


@can_render
@pytest.mark.parametrize(("midi", "program"), [(69, 73), (45, 33), (64, 40)])
def test_a_note_has_its_fundamental_and_its_time(midi: int, program: int) -> None:
    wave = play([Event(1.0, 1.5, midi, 100)], program)
    assert np.argmax(np.abs(wave) > 1e-3) / RATE == pytest.approx(1.0, abs=0.03)
    steady = wave[round(1.3 * RATE) : round(2.3 * RATE)]
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(len(steady)), 4 * RATE))
    hz = 440 * 2 ** ((midi - 69) / 12)
    near = slice(round(4 * hz / 1.06), round(4 * hz * 1.06))
    assert (near.start + spectrum[near].argmax()) / 4 == pytest.approx(hz, rel=0.01)
    assert spectrum[4 * 20 : round(4 * hz * 0.9)].max() < 0.2 * spectrum[near].max()


@can_render
def test_expression_and_reverb_are_heard() -> None:
    held = [Event(0.0, 3.5, 69, 100)]
    swell = (Control(0.0, EXPRESSION, 110), Control(1.8, EXPRESSION, 60))
    even, falling = play(held, 73, swell[0]), play(held, 73, *swell)
    assert abs(level_db(falling, 0.5, 1.7) - level_db(even, 0.5, 1.7)) < 0.1
    assert level_db(falling, 2.0, 3.0) < level_db(even, 2.0, 3.0) - 4
    assert level_db(play(A4, 73, reverb=True), 2.7, 3.0) > level_db(play(A4, 73), 2.7, 3.0) + 20


@can_render
def test_percussion_sounds_on_every_key_and_the_kick_can_be_heard() -> None:
    for key in KEYS:
        stroke = play([Event(0.5, 1.0, key, 100)], 0, channel=PERCUSSION_CHANNEL)
        assert 0.02 < np.abs(stroke).max() < 0.9, key
        if key == KICK:
            power = np.abs(np.fft.rfft(stroke, RATE)) ** 2
            assert power[40:150].sum() > 0.5 * power.sum()
    with pytest.raises(DataError, match="drum set 8"):
        play([Event(0.5, 1.0, KICK, 100)], 8, channel=PERCUSSION_CHANNEL)


@can_render
def test_loud_chords_do_not_clip() -> None:
    chord = [Event(0.1, 2.0, midi, 127) for midi in (40, 48, 52, 55, 60, 64)]
    for program in (0, 25, 30):
        assert np.abs(play(chord, program)).max() < 0.8


@can_render
def test_tracks_can_be_played_with_patches_alone(tmp_path: Path) -> None:
    cast = players("a", "b")
    plans = plan_tracks(library(), list(cast), 2, TrackSet("test", 1, (4.0, 5.0)))
    band = partial(seat, players=cast, soundfont=PATCHES)
    (folder,) = render_tracks(plans, band, tmp_path)
    about = (folder / "track.yaml").read_text()
    assert f"a: {PATCHES} program 73" in about
    assert FONT not in about
