"""Recorded notes are played at their pitch, from the right layer, and end with the note."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

import cli
from dataset_trees import read_stems
from test_data_rendered import FONT, can_render, library, players
from timbresep import audio
from timbresep.condition import tone_store as table_file
from timbresep.data.recipe import Samples, SolosSpec, Soundfont, Voice
from timbresep.data.rendering import sampler as samples
from timbresep.data.rendering.band import seat
from timbresep.data.rendering.midi import Event
from timbresep.data.rendering.plan import TrackSet, plan_tracks
from timbresep.data.rendering.recorded_tones import recorded_tones
from timbresep.data.rendering.solos import render_solos
from timbresep.data.rendering.tracks import render_tracks
from timbresep.data.rendering.waveform import RATE
from timbresep.data.stem_tones import TONES
from timbresep.errors import DataError


def record(folder: Path, name: str, hz: float, gain: float, rate: int = 22_050) -> None:
    time = np.arange(2 * rate) / rate
    wave = (gain * np.sin(2 * np.pi * hz * time)).astype(np.float32)
    path = folder / "audio" / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, wave[None], rate)


@pytest.fixture
def notes(tmp_path: Path) -> samples.Layers:
    record(tmp_path, "A4v8", 440.0, 0.1)
    record(tmp_path, "A4v16", 440.0, 0.8)
    record(tmp_path, "D#3v8", 440 * 2 ** (-18 / 12), 0.1)
    return samples.find_notes(tmp_path)


def test_names_say_note_and_layer(notes: samples.Layers) -> None:
    assert {midi: [path.stem for path in layers] for midi, layers in notes.items()} == {
        69: ["A4v8", "A4v16"],
        51: ["D#3v8"],
    }


def test_a_sharp_may_be_an_s_and_the_layer_left_out(tmp_path: Path) -> None:
    for name in (
        "A3",
        "As3",
        "Bb2",
        "C#4",
        "Cs5v2",
        "Cs5v1",
        "Cis4",
        "H4",
        "F2 v2",
        "a3",
        "C",
        "D4v",
    ):
        record(tmp_path, name, 440.0, 0.1)
    found = samples.find_notes(tmp_path)
    assert {midi: [path.stem for path in layers] for midi, layers in found.items()} == {
        46: ["Bb2"],
        57: ["A3"],
        58: ["As3"],
        61: ["C#4"],
        73: ["Cs5v1", "Cs5v2"],
    }


def test_a_short_recording_ends_without_a_click(tmp_path: Path) -> None:
    time = np.arange(RATE // 2) / RATE
    wave = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    soundfile.write(tmp_path / "A4.mp3", wave, RATE, format="MP3")
    soundfile.write(tmp_path / "A3.wav", wave, RATE)  # an octave too high, so that A2 is 440 Hz / 2
    notes = samples.find_notes(tmp_path)
    for midi, sounding in ((69, 0.5), (67, 0.5 * 2 ** (2 / 12)), (45, 1.0)):
        played = samples.play([Event(0.0, 2.0, midi, 60)], notes, 2.5)
        end = round(sounding * RATE)
        assert np.abs(played[: end - 4000]).max() > 0.4
        assert not played[end + 100 :].any()
        steps = np.abs(np.diff(played))
        assert steps[end - 3000 :].max() <= 1.1 * steps[5000:9000].max()


@pytest.mark.parametrize("midi", [48, 51, 66, 69, 72])
def test_nearest_recording_is_moved_to_the_pitch(notes: samples.Layers, midi: int) -> None:
    wave = samples.play([Event(0.0, 1.0, midi, 60)], notes, 1.0)
    spectrum = np.abs(np.fft.rfft(wave[: RATE // 2] * np.hanning(RATE // 2), 4 * RATE))
    assert spectrum.argmax() / 4 == pytest.approx(440 * 2 ** ((midi - 69) / 12), rel=0.002)


def test_layers_follow_the_velocity(notes: samples.Layers) -> None:
    soft, loud = (samples.play([Event(0.0, 1.0, 69, v)], notes, 1.0) for v in (20, 120))
    assert np.abs(loud).max() == pytest.approx(8 * np.abs(soft).max(), rel=0.05)


def test_a_released_note_falls_silent_and_notes_add_up(notes: samples.Layers) -> None:
    first, second = Event(0.2, 0.5, 69, 60), Event(0.4, 0.3, 51, 60)
    wave = samples.play([first], notes, 2.0)
    assert not wave[: RATE // 5].any()
    assert np.abs(wave[RATE // 4 : RATE // 2]).max() > 0.09
    assert not wave[RATE:].any()
    both = samples.play([first, second], notes, 2.0)
    np.testing.assert_allclose(both - wave, samples.play([second], notes, 2.0), atol=1e-6)
    cut = samples.play([first], notes, 0.5)
    np.testing.assert_array_equal(cut, wave[: RATE // 2])


def test_folder_without_notes_says_how_to_name_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no recorded notes"):
        samples.find_notes(tmp_path)


@can_render
def test_solos_play_recorded_notes_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timbresep.data.rendering.scores.tunes", lambda cache: library())
    font = Soundfont(file=FONT, programs=[0], licence="MIT")
    recordings = Samples(name="grand", licence="CC BY 3.0")
    spec = SolosSpec(soundfonts=[font], samples=[recordings], minutes=0.1, range=(50, 70))
    voice, cache = Voice(range=(40, 80)), tmp_path / "cache"
    without = render_solos(spec, voice, tmp_path / "without", cache, piece_seconds=5.0)[:1]
    record(cache / "samples" / "grand", "A4v8", 440.0, 0.1)
    files = render_solos(spec, voice, tmp_path / "with", cache, piece_seconds=5.0)
    assert files[-1].name == "02-grand-0-notes.flac"
    assert files[0].read_bytes() == without[0].read_bytes()
    wave, _ = audio.read(files[-1])
    assert np.sqrt(np.mean(wave**2)) > 0.01


def test_tracks_play_recorded_notes_at_the_pitch_of_the_score(tmp_path: Path) -> None:
    for name, harmonics in (("oboe", 1), ("harp", 2)):
        (tmp_path / "notes" / name).mkdir(parents=True)
        for note, hz in (("A2", 110.0), ("A3", 220.0), ("A4", 440.0), ("Ds5", 622.25)):
            time = np.arange(4 * RATE) / RATE
            wave = sum(0.3 * np.sin(2 * np.pi * hz * k * time) for k in range(1, harmonics + 1))
            audio.write(
                tmp_path / "notes" / name / f"{note}.wav", np.float32(wave)[None], RATE, "PCM_16"
            )
    recordings = samples.find_recordings(tmp_path / "notes", ["harp", "oboe"], None)
    plans = plan_tracks(library(), ["harp", "oboe"], 2, TrackSet("test", 2, (5.0, 6.0)))
    band = partial(seat, players=players("harp", "oboe"), recordings=recordings)
    folders = render_tracks(plans, band, tmp_path / "out", workers=1)
    tracks = read_stems(tmp_path / "out")
    assert len(folders) == len(tracks) == 2
    for track in tracks:
        assert (track.sound_source, track.licence) == ("notes", "terms of notes")
        wave, _ = audio.read(track.stems["oboe"])
        loud = np.sqrt(np.mean(wave[np.abs(wave) > 1e-3] ** 2))
        assert 20 * np.log10(loud) == pytest.approx(-20, abs=3)
        spectrum = np.abs(np.fft.rfft(wave[0] * np.hanning(wave.shape[1])))
        hz = spectrum.argmax() / wave.shape[1] * RATE
        semitones = 12 * np.log2(hz / 440)
        assert semitones == pytest.approx(round(semitones), abs=0.1)


def test_instruments_without_recorded_notes_are_named(tmp_path: Path) -> None:
    record(tmp_path / "oboe", "A4", 440.0, 0.1)
    with pytest.raises(DataError, match="no folder of notes for harp, tuba"):
        samples.find_recordings(tmp_path, ["harp", "oboe", "tuba"], "MIT")
    (tmp_path / "harp").mkdir()
    with pytest.raises(DataError, match="harp: no recorded notes"):
        samples.find_recordings(tmp_path, ["harp", "oboe"], "MIT")
    assert samples.find_recordings(tmp_path, ["oboe"], "MIT").licence == "MIT"


def test_recorded_notes_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    render = ["data", "render", "-i", "violin,cello", "-o", str(tmp_path / "out")]
    record(tmp_path / "violin", "A4", 440.0, 0.1)
    assert cli.main([*render, "--samples", str(tmp_path)]) == 1
    assert "no folder of notes for cello" in capsys.readouterr().err
    assert cli.main([*render, "--samples", str(tmp_path), "--soundfont", FONT]) == 1
    assert "exclude each other" in capsys.readouterr().err
    assert cli.main([*render, "--licence", "MIT"]) == 1
    assert "the terms of --samples" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_all_are_those_with_recorded_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("timbresep.data.rendering.scores.chorales", lambda cache: library())
    render = ["data", "render", "--count", "1", "--seconds", "4", "5", "-o", str(tmp_path / "out")]
    (tmp_path / "notes").mkdir()
    assert cli.main([*render, "--samples", str(tmp_path / "notes")]) == 1
    assert "no folder of notes for acoustic_guitar, bass" in capsys.readouterr().err
    for name in ("violin", "cello"):
        record(tmp_path / "notes" / name, "A4", 440.0, 0.1)
    assert cli.main([*render, "--samples", str(tmp_path / "notes")]) == 0
    (track,) = read_stems(tmp_path / "out")
    assert set(track.stems) == {"violin", "cello"}


def record_tone(path: Path, hz: float, amplitudes: list[float], seconds: float = 1.0) -> None:
    time = np.arange(round(seconds * RATE)) / RATE
    parts = [a * np.sin(2 * np.pi * k * hz * time) for k, a in enumerate(amplitudes, start=1)]
    wave = 0.5 * np.sum(parts, axis=0) / sum(amplitudes)
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, wave[None].astype(np.float32), RATE)


def test_recorded_notes_tell_their_tones_even_out_of_tune(tmp_path: Path) -> None:
    flat = 2 ** (-30 / 1200)  # which blurs the tenth harmonic, unless the tuning is found
    record_tone(tmp_path / "A4v1.flac", 440 * flat, [1.0] * 12)
    record_tone(tmp_path / "A4v2.flac", 440 * flat, [1.0, 0, 1.0])
    record_tone(tmp_path / "C5v1.flac", 440 * 2 ** (3 / 12), [1.0])
    record_tone(tmp_path / "E5v1.flac", 440 * 2 ** (7 / 12), [1.0], seconds=0.1)
    table = recorded_tones(samples.find_notes(tmp_path))
    assert table is not None
    assert table.pitches.tolist() == [69, 72], "a tenth of a second says nothing"
    soft, _, loud = table.distributions[:, 0]  # (levels, pitches, harmonics)
    np.testing.assert_allclose(soft[:12], np.full(12, 1 / 12), atol=0.01)
    np.testing.assert_allclose(loud[:4], [0.5, 0, 0.5, 0], atol=0.01)
    assert table.distributions[:, 1, 0].min() > 0.98
    assert table.noise.sum(axis=-1).max() < 0.02
    assert (np.diff(table.levels) > 0).all()


def test_notes_too_short_to_hear_have_no_table(tmp_path: Path) -> None:
    record_tone(tmp_path / "A4.flac", 440.0, [1.0], seconds=0.1)
    assert recorded_tones(samples.find_notes(tmp_path)) is None


def test_tracks_of_recorded_notes_tell_their_tones(tmp_path: Path) -> None:
    for name in ("flute", "bass"):
        for note, hz in (("A3", 220.0), ("A4", 440.0)):
            record_tone(tmp_path / "notes" / name / f"{note}.flac", hz, [1.0, 0.5])
    known = players("flute", "bass")
    recordings = samples.find_recordings(tmp_path / "notes", list(known), "CC0")
    plans = plan_tracks(library(), list(known), 2, TrackSet("train", 1, (4.0, 5.0)))
    band = partial(seat, players=known, recordings=recordings)
    (folder,) = render_tracks(plans, band, tmp_path / "made")
    assert sorted(table_file.names(folder / TONES)) == ["bass", "flute"]
    heard = table_file.read(folder / TONES, "flute")
    assert heard.distributions[..., :2].sum(axis=-1).min() > 0.99
