"""Recorded notes are played at their pitch, from the right layer, and end with the note."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_data_rendered import FONT, can_render, library

from core import audio
from core.data import samples
from core.data.midi import Event
from core.data.recipe import Samples, SolosSpec, Soundfont, Voice
from core.data.solos import render_solos
from core.data.waveform import RATE
from core.errors import DataError


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
    monkeypatch.setattr("core.data.scores.tunes", lambda cache: library())
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
