"""What a transcriber should answer: notes in frames, shifted and cut as their audio is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import Annotations, MixtureDataset
from timbresep.data.note_targets import Grid, NoteTargets
from timbresep.data.track import Track, Written
from timbresep.errors import DataError
from timbresep.notes import midi
from timbresep.notes.midi import TRACK_NOTES
from timbresep.notes.score import Note, StemNotes
from timbresep.transcriber import ONSET, SOUNDING
from timbresep.units import midi_to_hz

GRID = Grid(rate=1000, hop=100, lowest=40, pitches=40)  # ten frames a second
RATE = 8000


def roll(*notes: Note, seconds: float = 2.0, semitones: float = 0.0, start: float = 0.0):
    samples = round(seconds * GRID.rate)
    return GRID.roll(notes, samples, semitones=semitones, start=start)


def sounding(found: np.ndarray, pitch: int) -> list[int]:
    return np.flatnonzero(found[SOUNDING, pitch - GRID.lowest]).tolist()


def onsets(found: np.ndarray, pitch: int) -> dict[int, float]:
    row = found[ONSET, pitch - GRID.lowest]
    return {int(k): round(float(row[k]), 4) for k in np.flatnonzero(row)}


def test_a_note_sounds_in_its_frames() -> None:
    found = roll(Note(0.5, 1.0, 60))
    assert found.shape == (2, 40, 20)
    assert found.dtype == np.float32
    assert sounding(found, 60) == [5, 6, 7, 8, 9]
    assert onsets(found, 60) == {5: 1.0}
    assert found.sum() == 6, "and no other pitch does"


def test_an_onset_between_two_frames_is_shared_by_them() -> None:
    assert onsets(roll(Note(0.53, 1.0, 60)), 60) == {5: 0.7, 6: 0.3}
    assert onsets(roll(Note(0.53, 0.6, 60), Note(0.6, 1.0, 60)), 60) == {5: 0.7, 6: 1.0}


def test_frames_cover_the_last_sample() -> None:
    assert [GRID.frames(n) for n in (1, 100, 101)] == [1, 1, 2]
    assert roll(Note(0.0, 9.0, 60), seconds=0.201).shape == (2, 40, 3)


def test_a_short_note_sounds_in_one_frame() -> None:
    assert sounding(roll(Note(0.52, 0.53, 60)), 60) == [5]
    assert sounding(roll(Note(0.0, 0.01, 60)), 60) == [0]


def test_a_note_that_has_begun_sounds_without_an_onset() -> None:
    found = roll(Note(0.5, 1.4, 60), start=1.0)
    assert sounding(found, 60) == [0, 1, 2, 3]
    assert onsets(found, 60) == {}
    assert not roll(Note(0.5, 1.0, 60), Note(3.0, 4.0, 60), start=1.0).any(), "before and after"


def test_a_shift_moves_pitches_and_times() -> None:
    found = roll(Note(2.0, 3.0, 60), start=1.0, semitones=12)
    assert sounding(found, 72) == [5, 6, 7, 8, 9], "twice as fast"
    assert onsets(found, 72) == {5: 1.0}
    assert found.sum() == 6
    assert sounding(roll(Note(0.5, 1.0, 60), semitones=-12), 48) == list(range(10, 20))


def test_detuning_keeps_the_key() -> None:
    assert sounding(roll(Note(0.5, 1.0, 60), semitones=0.3), 60)
    assert sounding(roll(Note(0.5, 1.0, 60), semitones=-0.3), 60)


def test_pitches_out_of_range_are_left_out() -> None:
    notes = [Note(0.5, 1.0, pitch) for pitch in (39, 40, 79, 80)]
    found = roll(*notes)
    assert np.flatnonzero(found[SOUNDING].any(axis=1)).tolist() == [0, 39]
    assert not roll(Note(0.5, 1.0, 79), semitones=1.0).any()


def bursts(folder: Path, **pitches: list[int]) -> Track:
    """Half seconds of tones, and silence in between; drums without pitch beside them."""
    time = np.arange(RATE // 2) / RATE
    folder.mkdir(parents=True)
    stems, notes = {}, []
    for name, keys in pitches.items():
        tones = np.sin(2 * np.pi * midi_to_hz(np.array(keys, float))[:, None] * time)
        wave = 0.2 * np.concatenate([tones, np.zeros_like(tones)], axis=1).ravel()
        stems[name] = folder / f"{name}.wav"
        soundfile.write(stems[name], wave, RATE, subtype="FLOAT")
        played = [Note(k, k + 0.5, key) for k, key in enumerate(keys)]
        notes.append(StemNotes(name, name, tuple(played), pitched=name != "drums"))
    midi.write(folder / TRACK_NOTES, notes)
    frames = len(keys) * RATE
    written = {name: (Written(folder / TRACK_NOTES, name),) for name in stems}
    return Track("t", "t", "own", "CC0", stems, frames, RATE, "train", written=written)


def test_targets_are_where_the_sound_is(tmp_path: Path) -> None:
    """However a mixture is shifted and cut: what sounds there is what the notes say."""
    grid = Grid(RATE, 160, 40, 48)
    track = bursts(tmp_path / "t", one=[60, 64, 67, 60, 72, 71], two=[50, 52, 48, 47, 55, 57])
    config = MixConfig(
        seconds=1.5, rate=RATE, channels=1, targets=1, level_db=None, pitch_share=1.0,
        pitch_semitones=3.0, eq_share=0.0, reverb_share=0.0, formant_share=0.0, detune_cents=0.0,
        absent_share=0.0, stems=(1, 2),
    )  # fmt: skip
    data = MixtureDataset(
        [track, replace(track, first=3 * RATE, frames=3 * RATE)],
        ["one", "two"],
        config,
        size=40,
        seed=0,
        conditions=lambda *_: np.zeros(1, np.float32),
        annotations=Annotations(notes=NoteTargets(grid)),
    )
    rows = set()
    for item in (data[k] for k in range(len(data))):
        wave, notes = item["targets"][0, 0].numpy(), item["notes"][0, SOUNDING].numpy()
        loud = np.sqrt(np.mean(np.square(wave.reshape(-1, 160)), axis=1)) > 0.01
        edges = np.abs(np.diff(notes.any(axis=0), prepend=0, append=0))
        inside = (edges[:-1] + edges[1:] == 0) & (np.roll(edges[:-1], 1) == 0)
        assert (loud == notes.any(axis=0))[inside].mean() > 0.97
        for row in np.flatnonzero(notes.sum(axis=1) > 20):
            rows.add(row)
            first, *_, last = np.flatnonzero(notes[row])
            heard = wave[first * 160 + 320 : last * 160 - 160]
            spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), 2 * RATE))
            expected = midi_to_hz(float(row + grid.lowest))
            assert abs(spectrum.argmax() / 2 - expected) < 0.02 * expected
    assert len(rows) > 12, "shifted, by whole semitones"


def test_unpitched_and_absent_instruments_have_no_notes(tmp_path: Path) -> None:
    track = bursts(tmp_path / "t", one=[60, 64], drums=[50, 52])
    targets = NoteTargets(GRID)
    assert targets.known(track)
    assert targets.of(track, "one", 0, semitones=0.0, samples=2000).any()
    assert not targets.of(track, "drums", 0, semitones=0.0, samples=2000).any()
    assert not targets.silence(2000).any()


def test_parts_of_one_name_are_one_stem(tmp_path: Path) -> None:
    track = bursts(tmp_path / "t", one=[60, 64])
    parts = [StemNotes("one", "one", (Note(0.5, 1.0, pitch),)) for pitch in (60, 67)]
    midi.write(tmp_path / "t" / TRACK_NOTES, parts)
    found = NoteTargets(GRID).of(track, "one", 0, semitones=0.0, samples=2000)
    assert sounding(found, 60) == sounding(found, 67) == [5, 6, 7, 8, 9]


def test_a_stem_that_several_play_has_the_notes_of_all(tmp_path: Path) -> None:
    track = bursts(tmp_path / "t", one=[60], two=[67])
    file, other = tmp_path / "t" / TRACK_NOTES, tmp_path / "other.mid"
    midi.write(other, [StemNotes(n, n, (Note(0.5, 1.0, k),)) for n, k in (("a", 50), ("b", 52))])
    both = replace(track, stems={"one": track.stems["one"]})
    written = {"one": (Written(file, "one"), Written(file, "two"), Written(other))}
    targets = NoteTargets(GRID)
    found = targets.of(replace(both, written=written), "one", 0, semitones=0.0, samples=2000)
    assert (np.flatnonzero(found[SOUNDING].any(axis=1)) + GRID.lowest).tolist() == [50, 52, 60, 67]
    assert targets.known(replace(both, written=written))
    unknown = {"one": (Written(file, "one"), Written(file, "three"))}
    assert not targets.known(replace(both, written=unknown))


def test_notes_that_are_not_there_are_not_known(tmp_path: Path) -> None:
    track = bursts(tmp_path / "t", one=[60, 64])
    targets = NoteTargets(GRID)
    assert not targets.known(replace(track, written={}))
    assert not targets.known(replace(track, stems={**track.stems, "two": tmp_path / "two.wav"}))
    cut = tmp_path / "cut.mid"
    cut.write_bytes((tmp_path / "t" / TRACK_NOTES).read_bytes()[:30])
    with pytest.raises(DataError, match=r"cut\.mid"):
        targets.known(replace(track, written={"one": (Written(cut, "one"),)}))


def test_a_stem_whose_notes_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """A file of one stem's notes is read when it is needed: then its stem is skipped."""
    track = bursts(tmp_path / "t", one=[60, 64, 67], two=[50, 52, 48])
    cut = tmp_path / "cut.mid"
    cut.write_bytes(b"MThd")
    track = replace(track, written={**track.written, "two": (Written(cut),)})
    targets = NoteTargets(GRID)
    assert targets.known(track)
    config = MixConfig(seconds=1, rate=RATE, channels=1, targets=1, absent_share=0.0)
    data = MixtureDataset(
        [track],
        ["one"],
        config,
        size=4,
        seed=0,
        conditions=lambda *_: np.zeros(1, np.float32),
        annotations=Annotations(notes=targets),
    )
    for k in range(4):
        torch.testing.assert_close(data[k]["mixture"], data[k]["targets"][0])
    assert "cut.mid" in data.skipped.reasons[track.stems["two"]]
