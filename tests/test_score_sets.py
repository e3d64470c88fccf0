"""Recorded notes for the sets with scores: they begin at once and are in tune."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import score_sets
from timbresep import audio
from timbresep.units import midi_to_hz, note_to_midi

RATE = 44_100
XML = """<?xml version="1.0"?>
<instrument name="x">
  <sample filename="one.flac" midi_note="61"><clip start="100.0" end="2000.0"/></sample>
  <sample filename="two.flac" midi_note="69"/>
</instrument>
"""


def tone(midi: float, silence: float) -> np.ndarray:
    time = np.arange(2 * RATE) / RATE
    wave = sum(np.sin(2 * np.pi * midi_to_hz(midi) * k * time) / k for k in (1, 2, 3))
    return np.concatenate([np.zeros(round(silence * RATE)), 0.5 * wave]).astype(np.float32)[None]


def test_recorded_notes_are_cut_and_brought_to_pitch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_sets, "IOWA", {"reed": ("reed-a",)})
    folder = tmp_path / "spectmorph-instruments" / "reed-a"
    folder.mkdir(parents=True)
    (folder / "instrument.xml").write_text(XML)
    audio.write(folder / "one.flac", tone(61.4, 0.7), RATE, "PCM_16")
    audio.write(folder / "two.flac", tone(69.0, 0.2), RATE, "PCM_16")
    score_sets.convert_notes(tmp_path, tmp_path / "notes")
    found = sorted((tmp_path / "notes" / "reed" / "reed-a").iterdir())
    assert [path.name for path in found] == ["A4.flac", "Cs4.flac"]
    for path in found:
        wave, rate = audio.read(path)
        assert np.abs(wave[0, : rate // 50]).max() > 0.2, "it begins at once"
        part = wave[0, :rate] * np.hanning(rate)
        heard = np.abs(np.fft.rfft(part, 4 * rate)).argmax() / 4
        wanted = float(midi_to_hz(note_to_midi(path.stem)))
        assert 1200 * np.log2(heard / wanted) == pytest.approx(0, abs=10)
