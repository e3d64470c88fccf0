"""Tracks are found, named by instrument and split by piece; bad folders are refused by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dataset_trees import read_stems
from timbresep import audio
from timbresep.data.sources import stem_folders
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.listing import list_tracks
from timbresep.data.track import split_of
from timbresep.errors import ConfigError, DataError

RATE = 8_000


def write_stem(path: Path, seconds: float = 1.0, rate: int = RATE, hz: float = 440.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * hz * time)[None].astype(np.float32)
    audio.write(path, wave, rate, "PCM_16")


def test_stems_are_named_by_instrument_or_alias(tmp_path: Path) -> None:
    for name in ("Fiddle", "kazoo", "grand-piano", "mixture"):
        write_stem(tmp_path / "song" / f"{name}.wav")
    names = {"fiddle": "violin", "Grand Piano": "piano"}
    (track,) = read_stems(tmp_path, names, licence="CC0")
    assert set(track.stems) == {"violin", "kazoo", "piano"}
    assert track.stems["violin"].name == "Fiddle.wav"
    assert (track.frames, track.rate, track.licence) == (RATE, RATE, "CC0")
    assert track.split == split_of("song")


def test_track_file_states_piece_and_split(tmp_path: Path) -> None:
    write_stem(tmp_path / "take2" / "violin.wav")
    (tmp_path / "take2" / "track.yaml").write_text("{piece: Air, split: test, licence: MIT}")
    (track,) = read_stems(tmp_path)
    assert (track.piece, track.split, track.licence) == ("Air", "test", "MIT")


def test_misspelt_key_of_track_file_names_the_nearest(tmp_path: Path) -> None:
    write_stem(tmp_path / "a" / "violin.wav")
    (tmp_path / "a" / "track.yaml").write_text("{piec: Air}")
    with pytest.raises(ConfigError, match="'piece'"):
        read_stems(tmp_path)


@pytest.mark.parametrize(("seconds", "rate"), [(0.5, RATE), (1.0, 16_000)])
def test_unequal_length_or_rate_names_the_file(tmp_path: Path, seconds: float, rate: int) -> None:
    write_stem(tmp_path / "a" / "bass.wav")
    write_stem(tmp_path / "a" / "violin.wav", seconds, rate)
    with pytest.raises(DataError, match=r"violin\.wav"):
        read_stems(tmp_path)


def test_two_stems_of_one_instrument_are_summed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    write_stem(tmp_path / "tracks" / "a" / "fiddle.wav")
    write_stem(tmp_path / "tracks" / "a" / "violin.wav", hz=300.0)
    (track,) = read_stems(tmp_path / "tracks", {"fiddle": "violin"})
    waves = [audio.read(tmp_path / "tracks" / "a" / f"{n}.wav")[0] for n in ("fiddle", "violin")]
    np.testing.assert_array_equal(audio.read(track.stems["violin"])[0], waves[0] + waves[1])


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_stems(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no track"):
        read_stems(tmp_path)


def test_split_is_stable_and_80_10_10() -> None:
    assert [split_of(f"piece {k}") for k in range(6)] == [split_of(f"piece {k}") for k in range(6)]
    counts = Counter(split_of(f"piece {k}") for k in range(5000))
    assert 0.78 < counts["train"] / 5000 < 0.82
    assert 0.08 < counts["test"] / 5000 < 0.12
    moved = sum(split_of(f"piece {k}", 0) != split_of(f"piece {k}", 1) for k in range(100))
    assert moved > 10


def test_training_does_without_a_mixture_that_does_not_fit_and_evaluation_without_the_track(
    tmp_path: Path,
) -> None:
    for name in ("good", "odd", "bare"):
        write_stem(tmp_path / name / "mixture.wav", seconds=0.5 if name == "odd" else 1.0)
        if name != "bare":
            write_stem(tmp_path / name / "violin.wav")
    location = Location(tmp_path)
    listing = list_tracks("own", stem_folders.KIND, location)
    assert [(t.raw.name, t.raw.mixture is None) for t in listing.tracks] == [
        ("good", False),
        ("odd", True),
    ]
    assert {p.where: p.skipped for p in listing.problems} == {"bare": False, "odd": False}
    strict = list_tracks("own", stem_folders.KIND, location, strict=True)
    assert [track.raw.name for track in strict.tracks] == ["good"]
    assert {p.where: p.skipped for p in strict.problems} == {"bare": True, "odd": True}
    with pytest.raises(DataError, match="bare: a mixture without stems"):
        read_stems(tmp_path)
