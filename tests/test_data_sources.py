"""Every published dataset gives the same kind of tracks, and says what is wrong with it."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import dataset_trees as trees
from timbresep import audio
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.kinds import KINDS, kind_of
from timbresep.data.sources.listing import Listing, list_tracks
from timbresep.data.sources.naming import Naming, normalised
from timbresep.data.sources.prepared import prepare
from timbresep.data.sources.raw_track import RawTrack
from timbresep.data.track import Track, split_of
from timbresep.errors import DataError

NAMES = {
    "bass": "bass",
    "electric_bass": "bass",
    "male singer": "vocals",
    "lead male singer": "vocals",
    "vocals other": "vocals",
    "violin": "violin",
    "fiddle": "violin",
    "drum set": "drums",
    "Tenor Sax": "saxophone",
    "drums": "drums",
    "acoustic_guitar": "acoustic_guitar",
}


def look(kind: str, root: Path, **options: bool) -> Listing:
    return list_tracks(kind, KINDS[kind], Location(root, Naming(NAMES), "terms", **options))


def tracks_of(listing: Listing, tmp_path: Path) -> dict[str, Track]:
    return {track.name: track for track in prepare(listing, tmp_path / "cache")}


def test_labels_are_compared_without_case_marks_and_parentheses() -> None:
    naming = Naming(NAMES)
    assert normalised("Contrabass/double bass (bass of strings)") == "contrabass_double_bass"
    assert naming("Electric Bass (finger)") == "bass"
    assert naming("Violin 2") == naming("violin_01") == naming("FIDDLE") == "violin"
    assert naming("Synth Pad 3") == "synth_pad_3"
    assert naming.knows("Male Singer")
    assert not naming.knows("theremin")


def test_musdb_stem_files_equal_what_musdb_reads(tmp_path: Path) -> None:
    root = tmp_path / "musdb"
    trees.musdb18(root, "Actions - One Minute Smile")
    trees.musdb18(root, "Al James - Schoolboy Facination", side="test")
    tracks = tracks_of(look("musdb", root), tmp_path)
    for split, subset, side in (("valid", "train", "valid"), ("test", "test", None)):
        official = trees.needing_ffmpeg("musdb").DB(str(root), subsets=subset, split=side)
        assert [t.name for t in official] == [n for n, t in tracks.items() if t.split == split]
    theirs, ours = official[0], tracks["Al James - Schoolboy Facination"]
    assert set(ours.stems) == {"bass", "drums", "vocals", "other"}
    assert ours.frames == theirs.samples
    assert ours.rate == theirs.rate == 44_100
    for name, path in [*ours.stems.items(), ("mixture", ours.mixture)]:
        expected = theirs.audio if name == "mixture" else theirs.sources[name].audio
        wave, rate = audio.read(path)  # (channels, samples)
        assert rate == 44_100
        np.testing.assert_array_equal(wave.T, expected.astype(np.float32))


def test_musdb_is_decoded_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trees.musdb18(tmp_path / "musdb", "a")
    first = tracks_of(look("musdb", tmp_path / "musdb"), tmp_path)["a"]
    times = [path.stat().st_mtime_ns for path in first.stems.values()]
    caplog.clear()
    with caplog.at_level(logging.INFO):
        again = tracks_of(look("musdb", tmp_path / "musdb"), tmp_path)["a"]
    assert "writing" not in caplog.text
    assert again == first
    assert [path.stat().st_mtime_ns for path in again.stems.values()] == times


def test_musdb_hq_is_read_where_it_lies_and_split_as_musdb_splits_it(tmp_path: Path) -> None:
    trees.musdb18_hq(tmp_path, "A - Song", "ANiMAL - Rockshow")
    trees.musdb18_hq(tmp_path, "B - Song", side="test")
    tracks = tracks_of(look("musdb", tmp_path), tmp_path)
    assert {name: track.split for name, track in tracks.items()} == {
        "A - Song": "train",
        "ANiMAL - Rockshow": "valid",
        "B - Song": "test",
    }
    for split in ("train", "valid"):
        theirs = trees.needing_ffmpeg("musdb").DB(
            str(tmp_path), is_wav=True, subsets="train", split=split
        )
        assert [t.name for t in theirs] == [n for n, t in tracks.items() if t.split == split]
    track = tracks["A - Song"]
    assert track.stems["bass"] == tmp_path / "train" / "A - Song" / "bass.wav"
    assert track.mixture == tmp_path / "train" / "A - Song" / "mixture.wav"


def test_half_downloaded_musdb_is_told_and_skipped(tmp_path: Path) -> None:
    trees.musdb18_hq(tmp_path, "Good - One", "No - Bass", "Cut - Short")
    (tmp_path / "train" / "No - Bass" / "bass.wav").unlink()
    cut = tmp_path / "train" / "Cut - Short" / "drums.wav"
    cut.write_bytes(cut.read_bytes()[:10_000])
    real = Path(trees.needing_ffmpeg("stempeg").example_stem_path()).read_bytes()
    (tmp_path / "train" / "Half - Loaded.stem.mp4").write_bytes(real[: len(real) // 2])
    listing = look("musdb", tmp_path)
    assert [track.raw.name for track in listing.tracks] == ["Good - One"]
    assert listing.skipped == 3
    told = {problem.where: problem.text for problem in listing.problems}
    assert "bass.wav missing" in told["train/No - Bass"]
    assert "drums.wav" in told["Cut - Short"]
    assert "cut short" in told["Half - Loaded"]


def test_medleydb_names_stems_by_label_and_sums_those_of_one_instrument(tmp_path: Path) -> None:
    stems = {"01": "electric bass", "02": "male singer", "03": "male singer", "04": "gong"}
    trees.medleydb(tmp_path, "LizNelson_Rainfall", stems)
    (track,) = tracks_of(look("medleydb", tmp_path), tmp_path).values()
    assert set(track.stems) == {"bass", "vocals", "gong"}
    assert track.split == split_of("LizNelson")
    parts = [
        audio.read(track.stems["bass"].with_name(f"LizNelson_Rainfall_STEM_{n}.wav"))[0]
        for n in ("02", "03")
    ]
    total, _ = audio.read(track.stems["vocals"])
    np.testing.assert_array_equal(total, parts[0] + parts[1])
    assert track.mixture is not None
    assert track.mixture.name == "LizNelson_Rainfall_MIX.wav"


def test_medleydb_v2_has_its_metadata_elsewhere(tmp_path: Path) -> None:
    trees.medleydb(tmp_path, "A_One", {"01": "violin"}, apart=True)
    trees.medleydb(tmp_path, "B_Two", {"01": "violin"}, apart=True)
    (tmp_path / "Metadata" / "B_Two_METADATA.yaml").unlink()
    listing = look("medleydb", tmp_path)
    assert [track.raw.name for track in listing.tracks] == ["A_One"]
    assert "marl/medleydb" in listing.problems[0].text


def test_bleed_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    trees.medleydb(tmp_path / "m", "A_One", {"01": "violin"}, bleed=True)
    trees.moisesdb(tmp_path / "o", "u1", {("bass", "bass guitar"): 1.0}, bleed=True)
    for kind, root in (("medleydb", tmp_path / "m"), ("moisesdb", tmp_path / "o")):
        listing = look(kind, root)
        assert not listing.tracks
        assert "bleed" in listing.problems[0].text
        assert len(look(kind, root, bleed=True).tracks) == 1


def test_missing_stems_are_counted(tmp_path: Path) -> None:
    trees.medleydb(tmp_path / "m", "A_One", {"01": "violin", "02": "bass"})
    (tmp_path / "m/Audio/A_One/A_One_STEMS/A_One_STEM_02.wav").unlink()
    trees.moisesdb(tmp_path / "o", "u1", {("bass", "bass guitar"): 1.0, ("drums", "toms"): 1.0})
    (tmp_path / "o/moisesdb_v0.1/u1/drums/id-1.wav").unlink()
    trees.slakh(tmp_path / "s", "train", 1, {"S00": "Violin", "S01": "Viola"})
    (tmp_path / "s/train/Track00001/stems/S01.flac").unlink()
    for kind, root in (("medleydb", "m"), ("moisesdb", "o"), ("slakh", "s")):
        listing = look(kind, tmp_path / root)
        assert listing.skipped == 1
        assert "1 of 2" in listing.problems[0].text
        with pytest.raises(DataError, match="no usable track"):
            listing.check_any()


def test_moisesdb_sums_and_pads_recordings_of_unequal_length(tmp_path: Path) -> None:
    recordings = {
        ("vocals", "lead male singer"): 1.0,
        ("vocals", "other (vocoder, beatboxing etc)"): 0.5,
        ("bowed_strings", "violin (solo)"): 0.75,
        ("other_keys", "synth pad"): 1.0,
    }
    trees.moisesdb(tmp_path, "0123abcd-0", recordings)
    (track,) = tracks_of(look("moisesdb", tmp_path), tmp_path).values()
    assert set(track.stems) == {"vocals", "violin", "synth_pad"}
    waves = {name: audio.read(path)[0] for name, path in track.stems.items()}
    assert {wave.shape for wave in waves.values()} == {(2, track.frames)}
    folder = tmp_path / "moisesdb_v0.1" / "0123abcd-0" / "vocals"
    long, short = (audio.read(folder / f"id-{k}.wav")[0] for k in (0, 1))
    np.testing.assert_array_equal(waves["vocals"][:, : short.shape[1]], long[:, :4000] + short)
    np.testing.assert_array_equal(waves["vocals"][:, 4000:], long[:, 4000:])
    assert not waves["violin"][:, 6000:].any()


def test_a_sum_beyond_full_scale_is_not_clipped(tmp_path: Path) -> None:
    for k in (1, 2):
        loud = 9 * trees.tone(100.0)
        trees.write(tmp_path / "stems" / "one" / f"violin {k}.wav", loud)
    (track,) = tracks_of(look("stems", tmp_path / "stems"), tmp_path).values()
    wave, _ = audio.read(track.stems["violin"])
    assert float(np.abs(wave).max()) == pytest.approx(1.8, abs=0.01)


def test_slakh_takes_the_sides_from_folders_or_from_the_number(tmp_path: Path) -> None:
    stems = {"S00": "Acoustic Guitar (steel)", "S01": "Drums", "S02": "Tenor Sax", "S03": "Pad 3"}
    for side, number in (("train", 1), ("validation", 2), ("test", 3), ("omitted", 4)):
        trees.slakh(tmp_path / "redux", side, number, stems)
    tracks = tracks_of(look("slakh", tmp_path / "redux"), tmp_path)
    assert [track.split for track in tracks.values()] == ["test", "train", "valid"]
    assert set(tracks["Track00001"].stems) == {"acoustic_guitar", "drums", "saxophone", "pad_3"}
    for number in (1500, 1501, 1876):
        trees.slakh(tmp_path / "flat", "", number, stems)
    tracks = tracks_of(look("slakh", tmp_path / "flat"), tmp_path)
    assert [track.split for track in tracks.values()] == ["train", "valid", "test"]


def test_instrument_folders_put_songs_together(tmp_path: Path) -> None:
    for folder, number in (("bass", "01"), ("violin", "02"), ("violin", "03")):
        trees.write(tmp_path / folder / f"Band_Song_STEM_{number}.wav", trees.tone(200.0))
    trees.write(tmp_path / "violin" / "Other_Song_STEM_01.wav", trees.tone(200.0))
    trees.write(tmp_path / "bass" / "Band_Song_STEM_09.wav", trees.tone(200.0, 2.0))
    tracks = tracks_of(look("instrument_folders", tmp_path), tmp_path)
    assert {name: set(track.stems) for name, track in tracks.items()} == {
        "Band_Song": {"bass", "violin"},
        "Band_Song (2)": {"bass"},
        "Other_Song": {"violin"},
    }
    assert tracks["Band_Song"].split == tracks["Band_Song (2)"].split
    one, _ = audio.read(tmp_path / "violin" / "Band_Song_STEM_02.wav")
    np.testing.assert_array_equal(audio.read(tracks["Band_Song"].stems["violin"])[0], 2 * one)


def test_solos_belong_to_their_owner(tmp_path: Path) -> None:
    trees.write(tmp_path / "fiddle" / "day one" / "take 1.wav", trees.tone(200.0))
    location = Location(tmp_path / "fiddle", Naming(NAMES))
    with pytest.raises(DataError, match=r"of which instrument .* --data INSTRUMENT="):
        list_tracks("x", KINDS["solos"], location)
    owned = Location(tmp_path / "fiddle", Naming(NAMES), owner="oboe")
    (track,) = list_tracks("x", KINDS["solos"], owned).tracks
    assert set(track.raw.stems) == {"oboe"}


def test_unequal_stems_are_skipped_and_an_unfit_mixture_is_not_used(tmp_path: Path) -> None:
    for name in ("good", "rate", "length"):
        trees.write(tmp_path / name / "bass.wav", trees.tone(100.0))
        trees.write(tmp_path / name / "mixture.wav", trees.tone(100.0, 0.5))
    trees.write(tmp_path / "rate" / "violin.wav", trees.tone(100.0, rate=16_000), 16_000)
    trees.write(tmp_path / "length" / "violin.wav", trees.tone(100.0, 0.9))
    listing = look("stems", tmp_path)
    (track,) = listing.tracks
    assert track.raw.name == "good"
    assert track.raw.mixture is None
    assert listing.skipped == 2
    told = {problem.where: problem.text for problem in listing.problems}
    assert "mixture cannot be used" in told["good"]
    assert "violin.wav" in told["rate"]
    assert "16000 Hz" in told["rate"]


def test_folders_are_recognised(tmp_path: Path) -> None:
    trees.musdb18_hq(tmp_path / "musdb", "A - B")
    trees.medleydb(tmp_path / "medleydb", "A_One", {"01": "violin"})
    trees.moisesdb(tmp_path / "moisesdb", "u1", {("bass", "bass guitar"): 1.0})
    trees.slakh(tmp_path / "slakh", "train", 1, {"S00": "Violin"})
    trees.musicnet(tmp_path / "musicnet", "train", 1727, {41: 60})
    trees.write(tmp_path / "instrument_folders" / "violin" / "a.wav", trees.tone(100.0))
    trees.write(tmp_path / "stems" / "song" / "violin.wav", trees.tone(100.0))
    trees.write(tmp_path / "solos" / "a.wav", trees.tone(100.0))
    for name in KINDS:
        assert kind_of(Location(tmp_path / name, Naming(NAMES))).name == name
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no track"):
        kind_of(Location(tmp_path / "empty"))


def test_audio_that_breaks_when_it_is_decoded_becomes_a_problem(tmp_path: Path) -> None:
    """It was whole when it was listed; the others go on."""
    trees.musdb18(tmp_path / "musdb", "a", "b")
    listing = look("musdb", tmp_path / "musdb")
    real = Path(trees.needing_ffmpeg("stempeg").example_stem_path()).read_bytes()
    middle = len(real) // 2
    broken = tmp_path / "musdb" / "train" / "a.stem.mp4"
    broken.write_bytes(real[:middle] + bytes(64))
    tracks = tracks_of(listing, tmp_path)
    assert list(tracks) == ["b"]
    assert listing.skipped == 1
    assert "cut short" in listing.problems[0].text


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf_8_become_text(tmp_path: Path) -> None:
    """What a track is called goes into hashes, JSON, tables and checkpoints."""
    root = tmp_path / os.fsdecode(b"d\xe9mo")
    for song in (b"caf\xe9", b"caf\xe8"):
        folder = root / os.fsdecode(song)
        folder.mkdir(parents=True)
        for stem in (b"violin.wav", b"obo\xe9.wav"):
            (folder / os.fsdecode(stem)).write_bytes(b"")
    found = list(KINDS["stems"].find(Location(root, Naming({"violin": "violin"}))))
    assert all(isinstance(item, RawTrack) for item in found)
    assert [item.name for item in found if isinstance(item, RawTrack)] == [r"caf\xe8", r"caf\xe9"]
    for item in found:
        assert isinstance(item, RawTrack)
        for text in (item.name, item.piece, item.sound_source, item.licence, *item.stems):
            text.encode()
        assert item.stems["violin"][0].path.is_file(), "paths stay what they are"
