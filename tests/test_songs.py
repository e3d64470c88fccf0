"""The parts of `benchmarks/songs.py`: MIDI files, the desk, who sings, and the scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

import songs
import songs_desk as desk
import songs_midi
import songs_smf as smf
import songs_voices as voices
from songs_midi import Song
from songs_sets import SETS
from timbresep import audio
from timbresep.data.rendering.midi import PERCUSSION_CHANNEL, Event
from timbresep.data.rendering.waveform import RATE
from timbresep.data.track import Track
from timbresep.errors import DataError, MissingToolError
from timbresep.separation.separator import Separator
from timbresep.separation.sources import Places
from timbresep.stft import STFT

TICKS = 96
TEMPO = b"\xff\x51\x03" + (250_000).to_bytes(3, "big")  # 0.25 s a quarter note


def tune(channel: int, program: int, pitches: list[int], first: int = 0) -> list[tuple[int, bytes]]:
    """Quarter notes, one after another, from a tick on."""
    events = [(0, bytes([smf.PROGRAM | channel, program]))]
    for k, pitch in enumerate(pitches):
        at = first + k * TICKS
        events.append((at, bytes([smf.NOTE_ON | channel, pitch, 100])))
        events.append((at + TICKS - 1, bytes([smf.NOTE_OFF | channel, pitch, 0])))
    return events


@pytest.fixture
def song(tmp_path: Path) -> Song:
    """Drums, a bass, a saxophone's tune and a choir; from the eighth quarter note twice as fast."""
    events = [(8 * TICKS, TEMPO)]
    events += tune(PERCUSSION_CHANNEL, 0, [36, 38] * 12)
    events += tune(0, 33, [36] * 24)
    events += tune(1, 65, [60, 62, 64, 65] * 4, 8 * TICKS)
    events += tune(2, 52, [60, 64, 67] * 5)
    path = tmp_path / "song.mid"
    path.write_bytes(smf.written(TICKS, sorted(events, key=lambda event: event[0])))
    return Song(path)


def test_what_is_written_is_read_with_the_times_that_tempos_give(song: Song) -> None:
    starts = {note.stem: note.start for note in reversed(song.notes)}
    assert starts == {"drums": 0, "bass": 0, "": 0, "saxophone": pytest.approx(4.0)}
    saxophone = [note for note in song.notes if note.stem == "saxophone"]
    assert [note.midi for note in saxophone[:4]] == [60, 62, 64, 65]
    assert saxophone[1].start == pytest.approx(4.25)


def test_running_status_and_messages_that_do_not_sound_are_read(tmp_path: Path) -> None:
    body = b"\x00\xf0\x02\x7e\xf7" + b"\x00\xff\x03\x01x" + b"\x00\x90\x3c\x40" + b"\x60\x3c\x00"
    body += b"\x00\xff\x2f\x00"
    header = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60"
    path = tmp_path / "a.mid"
    path.write_bytes(header + b"MTrk" + len(body).to_bytes(4, "big") + body)
    (note,) = Song(path).notes
    assert (note.midi, note.velocity, note.start, note.end) == (60, 64, 0, 0.5)
    path.write_bytes(b"RIFF" + bytes(20))
    with pytest.raises(DataError, match="no MIDI file"):
        Song(path)


def test_a_stretch_keeps_its_own_notes_alone_and_ends_all_of_them(
    song: Song, tmp_path: Path
) -> None:
    kept = {note.at for note in song.within(4.0, 1.0) if note.stem == "saxophone"}
    path = tmp_path / "stretch.mid"
    path.write_bytes(song._file(kept, 4.0, 5.0, 3))
    part = Song(path)
    assert [note.midi for note in part.notes] == [63, 65, 67, 68]
    assert part.notes[0].start == 0
    assert part.notes[1].start == pytest.approx(0.25)  # the tempo of before holds
    off = [m for m in part.messages if m.data[:2] == bytes([smf.CONTROL | 1, smf.ALL_SOUND_OFF])]
    assert off[0].tick == part.messages[-1].tick


def test_percussion_is_not_transposed(song: Song, tmp_path: Path) -> None:
    kept = {note.at for note in song.notes if note.stem == "drums"}
    path = tmp_path / "drums.mid"
    path.write_bytes(song._file(kept, 0.0, 20.0, 3))
    assert {note.midi for note in Song(path).notes} == {36, 38}


def test_the_fullest_stretch_and_its_tune_are_found(song: Song) -> None:
    start = song.fullest(3.0, ("saxophone", "drums"))
    assert Counter(n.stem for n in song.within(start, 3.0))["saxophone"] >= 8
    found = song.melody(4.0, 3.0)
    assert found is not None
    part, events = found
    assert part == (1, 65)
    assert [event.midi for event in events[:4]] == [60, 62, 64, 65]
    assert events[0].start == 0


def test_only_what_sounds_is_played_and_a_choir_is_not(
    song: Song, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(midi: bytes, soundfont: str) -> desk.Wave:
        assert soundfont == "any.sf2"
        return np.full((2, RATE), 0.0 if bytes([smf.PROGRAM, 33]) not in midi else 0.1, np.float32)

    monkeypatch.setattr(songs_midi, "render", render)
    stems = song.play(4.0, 2.0, "any.sf2", without=(1, 65))
    assert set(stems) == {"drums", "bass"}
    assert stems["bass"].shape == (2, 2 * RATE)
    assert not stems["bass"][:, RATE:].any()


def test_a_master_has_its_level_and_ceiling_and_stems_still_sum_to_it() -> None:
    rng = np.random.default_rng(0)
    stems = {name: rng.normal(0, 0.2, (2, RATE)).astype(np.float32) for name in ("a", "b")}
    stems["a"][:, RATE // 2] = 3.0
    done = desk.mastered(stems, -16.0)
    mixture = done["a"] + done["b"]
    assert desk.level(mixture) == pytest.approx(-16.0, abs=0.3)
    assert max(np.abs(wave).max() for wave in (mixture, *done.values())) <= 1.0
    gain = done["b"] / stems["b"]
    np.testing.assert_allclose(done["a"], stems["a"] * gain, rtol=1e-3, atol=1e-5)


def test_a_place_and_a_room_keep_the_power_and_add_a_tail() -> None:
    click = np.zeros((1, RATE), np.float32)
    click[0, 0] = 1.0
    left = desk.panned(click, -1.0)
    assert np.abs(left[1]).max() < 1e-6
    for place in (-1.0, 0.0, 0.4):
        power = np.square(desk.panned(click, place)).sum()
        assert power == pytest.approx(2.0, rel=1e-5)  # as much as in both channels of a stereo file
    wet = desk.in_room(desk.panned(click, 0.0), 0.5, -10.0, np.random.default_rng(0))
    tail = np.square(wet[:, 1:]).sum() / np.square(wet[:, 0]).sum()
    assert 10 * np.log10(tail) == pytest.approx(-10.0, abs=0.5)
    assert np.abs(wet[:, 1:400]).max() < 1e-9


def test_a_transposition_that_fits_is_found() -> None:
    time = np.arange(4 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * 440 * 2 ** (k / 12) * time) for k in (0, 4, 7))
    heard = voices.chroma(np.float32(chord)[None])
    assert set(np.argsort(heard)[-3:]) == {9, 1, 4}
    written = np.bincount([0, 4, 7], minlength=12)  # C major, to be A major
    assert voices.fitting(heard, written) == -3


def test_a_score_has_the_tune_in_time_and_a_syllable_a_note() -> None:
    events = [Event(0.5, 0.5, 61, 90), Event(1.5, 0.25, 72, 90)]
    root = Xml.fromstring(voices.score(events, 4.0))  # noqa: S314 (made here)
    notes = root.findall(".//note")
    lengths = [int(note.findtext("duration", "")) for note in notes]
    assert lengths[:4] == [24, 24, 24, 12]  # of 24 in a quarter note of half a second
    sung = [note for note in notes if note.find("pitch") is not None]
    assert [note.findtext("pitch/step") for note in sung] == ["C", "C"]
    assert [note.findtext("pitch/octave") for note in sung] == ["4", "5"]
    assert [note.findtext("lyric/text") for note in sung] == ["ら", "り"]


def test_missing_recordings_are_named_with_the_way_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError) as caught:
        voices.Notes(tmp_path, ("violin",)).perform([Event(0, 1, 69, 90)], 1.0)
    assert "git clone" in str(caught.value.hint)


def test_every_piece_is_on_one_side_of_the_split(tmp_path: Path) -> None:
    sides: dict[str, set[str]] = {}
    for tracks in SETS.values():
        made = list(tracks(tmp_path))
        assert len({(track.side, track.name) for track in made}) == len(made)
        for track in made:
            sides.setdefault(track.piece, set()).add(track.side)
    assert all(len(found) <= 1 for found in sides.values())


def test_a_table_has_means_over_stems_and_levels_of_what_is_absent() -> None:
    one = songs.Score("sung", "t", "vocals", "mixture", 0.0, -5.0)
    scores = [one, replace(one, method="x", gain=4.0), replace(one, method="x", gain=6.0)]
    leaks = [songs.Leak("sung", "t", "bass", "x", -20.0)]
    text = songs.table(SimpleNamespace(scores=scores, leaks=leaks))
    assert "| sung | vocals | 1 | 0.0 (-5.0) | 5.0 (-5.0) |" in text
    assert "| sung | bass, absent | 1 |  | -20 dB |" in text


class Halves:
    """A separator that gives half of the mixture to everyone, after a perfect source model."""

    def __init__(self, vocals: desk.Wave, drums: desk.Wave) -> None:
        self.asked = ("vocals", "drums", "bass")
        self.network = SimpleNamespace(stft=STFT(1024, 256))
        self.rows = np.concatenate([vocals + drums, vocals, drums])
        places = Places(("vocals", "rest"), "rest", {"vocals": "vocals"})
        self.first = SimpleNamespace(stage=self, places=places)
        self.name = "perfect"

    def separate(self, mixture: desk.Wave, rate: int, names: list[str]) -> dict[str, desk.Wave]:
        assert rate == RATE
        return dict.fromkeys(names, mixture / 2)

    def stream(self, blocks: list[desk.Wave], rate: int, channels: int) -> Iterator[desk.Wave]:
        assert channels == 1
        yield from (self.rows[:, :100], self.rows[:, 100:])


def test_methods_are_scored_beside_the_mixture_and_the_oracle(tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    waves = {
        name: np.float32(0.25 * np.sin(2 * np.pi * hz * time))[None]
        for name, hz in (("vocals", 500), ("drums", 5000))
    }
    for name, wave in waves.items():
        audio.write(tmp_path / f"{name}.wav", wave, RATE)
    stems = {name: tmp_path / f"{name}.wav" for name in waves}
    track = Track("t", "t", "", "", stems, RATE, RATE, "valid")
    judge = songs.Judge({"halves": cast(Separator, Halves(**waves))}, everything=True)
    judge.score("sung", track)
    gains = {(one.method, one.stem): one.gain for one in judge.scores}
    for stem in waves:
        assert gains["mixture", stem] == 0
        assert gains["halves", stem] == pytest.approx(0, abs=1e-3)
        assert gains["oracle", stem] > 20
        assert gains["perfect alone", stem] > 90
    halves = [one.sdr for one in judge.scores if one.method == "halves"]
    assert halves == pytest.approx([10 * np.log10(2)] * 2, abs=1e-3)
    (leak,) = judge.leaks
    assert (leak.stem, leak.method) == ("bass", "halves")
    assert leak.level == pytest.approx(-6.02, abs=0.01)
