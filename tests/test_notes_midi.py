"""Notes of stems as MIDI: what is written, what is read back, and files that are none."""

from __future__ import annotations

import time
from pathlib import Path

import mido
import pytest

from timbresep.errors import DataError, OutputExistsError
from timbresep.notes import midi
from timbresep.notes.score import Note, StemNotes

MELODY = tuple(Note(0.3337 * k, 0.3337 * k + 0.3, 60 + k % 7, 40 + k) for k in range(20))
STEMS = [
    StemNotes("reed_1", "reed", MELODY),
    StemNotes("reed_2", "reed", (Note(0.5, 1.5, 60.4, 80),)),
    StemNotes("kit", "kit", (Note(0.0, 0.1, 36, 127),), pitched=False),
    StemNotes("Flöte 日本", "Flöte 日本", (Note(1.0, 2.0, 72),)),
    StemNotes("rests", "rests", ()),
]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "notes.mid"
    midi.write(path, STEMS, programs={"reed_1": 71})
    return path


def test_stems_come_back_with_times_to_a_millisecond(written: Path) -> None:
    found = midi.read_stems(written)
    assert [(s.stem, s.instrument, s.pitched) for s in found] == [
        (s.stem, s.instrument, s.pitched) for s in STEMS if s.notes
    ]
    for one, other in zip(STEMS[0].notes, found[0].notes, strict=True):
        assert (one.pitch, one.velocity) == (other.pitch, other.velocity)
        assert other.start == pytest.approx(one.start, abs=0.00051)
        assert other.end == pytest.approx(one.end, abs=0.00051)
    assert found[1].notes == (Note(0.5, 1.5, 60, 80),)
    assert found[2] == STEMS[2]


def test_it_is_a_file_of_type_1_with_a_channel_for_each_stem_and_the_tenth_for_percussion(
    written: Path,
) -> None:
    file = mido.MidiFile(written)
    assert file.type == 1
    channels = [{m.channel for m in track if not m.is_meta} for track in file.tracks[1:]]
    assert channels == [{0}, {1}, {9}, {2}, set()]
    assert [m.program for m in file.tracks[1] if m.type == "program_change"] == [71]
    assert file.length == pytest.approx(MELODY[-1].end, abs=0.001)


def test_many_stems_share_channels_but_not_the_tenth(tmp_path: Path) -> None:
    many = [StemNotes(f"s_{k}", "s", (Note(k, k + 0.5, 60),)) for k in range(20)]
    midi.write(tmp_path / "many.mid", many)
    assert midi.read_stems(tmp_path / "many.mid") == many


def test_a_key_that_is_struck_again_ends_the_note_that_is_held(tmp_path: Path) -> None:
    notes = (Note(0.0, 3.0, 60), Note(1.0, 2.0, 60), Note(1.0, 1.5, 60), Note(2.5, 2.5001, 60))
    midi.write(tmp_path / "n.mid", [StemNotes("a", "a", notes)])
    expected = (Note(0.0, 1.0, 60), Note(1.0, 2.0, 60), Note(2.5, 2.501, 60))
    (found,) = midi.read_stems(tmp_path / "n.mid")
    for one, other in zip(found.notes, expected, strict=True):
        assert (one.start, one.end) == pytest.approx((other.start, other.end))


def test_a_pitch_without_a_key_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"stem 'a' has a note of pitch 128 at 1\.50 s"):
        midi.write(tmp_path / "n.mid", [StemNotes("a", "a", (Note(1.5, 2.0, 128),))])
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept_where_it_may_not_be_replaced(written: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(OutputExistsError):
        midi.write(written, STEMS[:1], replace=False)
    assert written.read_bytes() == before


@pytest.mark.parametrize(
    ("names", "message"),
    [(["", "a"], "without a name"), (["a", "a"], "2 tracks are named 'a'")],
)
def test_tracks_that_are_no_stems_are_told(tmp_path: Path, names: list[str], message: str) -> None:
    tracks = []
    for name in names:
        notes = [mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=9)]
        tracks.append(mido.MidiTrack([mido.MetaMessage("track_name", name=name), *notes]))
    mido.MidiFile(tracks=tracks).save(tmp_path / "t.mid")
    with pytest.raises(DataError, match=message):
        midi.read_stems(tmp_path / "t.mid")


def test_what_is_no_midi_file_is_told(tmp_path: Path) -> None:
    for data in (b"", b"MThd", b"\xff" * 3000):
        (tmp_path / "x.mid").write_bytes(data)
        with pytest.raises(DataError, match=r"x\.mid cannot be read"):
            midi.read_stems(tmp_path / "x.mid")


def test_a_number_without_end_is_refused_at_once(tmp_path: Path, written: Path) -> None:
    head = written.read_bytes()[:14] + b"MTrk\xff\xff\xff\xff"
    (tmp_path / "x.mid").write_bytes(head + b"\xff" * 4_000_000)
    began = time.perf_counter()
    with pytest.raises(DataError, match="without end"):
        midi.read_stems(tmp_path / "x.mid")
    assert time.perf_counter() - began < 5
