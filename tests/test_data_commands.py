"""`data check`, `prepare` and `show` say and write what training would meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import cli
import dataset_trees as trees
from timbresep import audio
from timbresep.data.sources import check
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.kinds import KINDS
from timbresep.data.sources.listing import list_tracks
from timbresep.data.sources.naming import Naming

TRAIN = ("A - One", "B - Two", "C - Three")


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MUSDB18-HQ with three tracks to train on, one to validate on and one to test on."""
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "hq"
    trees.musdb18_hq(root, *TRAIN, "ANiMAL - Rockshow")
    trees.musdb18_hq(root, "D - Four", side="test")
    return root


def run(*words: str) -> int:
    return cli.main(["data", *words])


def row(shown: str, name: str) -> list[str]:
    line = next(line for line in shown.splitlines() if f" {name} " in line)
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_check_counts_sides_minutes_and_what_is_missing(
    hq: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side, name in (("train", "B - Two"), ("test", "D - Four")):
        (hq / side / name / "bass.wav").unlink()
    assert run("check", f"musdb={hq}", "-p", "bass,flute", "--source", "musdb") == 0
    said = capsys.readouterr()
    assert row(said.out, "musdb")[2:7] == ["2", "1", "0", "0.1", "2"]
    assert row(said.out, "bass")[1:] == ["0.0", "0.0", "0.0", "3", "0"]
    assert row(said.out, "flute")[4:] == ["0", "3"]
    assert "3 tracks are usable; a whole copy of MUSDB18 has 150" in said.out
    assert "nothing to train on: flute" in said.out
    assert "become non-commercial: MUSDB18" in said.out
    assert "other (0.1 min)" in said.out
    assert "train/B - Two: bass.wav missing (skipped)" in said.err


def test_check_hears_a_mixture_that_is_not_the_sum(
    hq: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", f"musdb={hq}", "-p", "bass", "--source", "musdb") == 0
    assert "not the sum" not in capsys.readouterr().out
    trees.musdb18_hq(hq, "B - Two", gain=0.5)
    assert run("check", f"musdb={hq}", "-p", "bass", "--source", "musdb") == 0
    assert "1 of 5 mixtures looked at are not the sum" in capsys.readouterr().out


def test_the_gap_is_what_the_stems_leave(tmp_path: Path) -> None:
    trees.musdb18_hq(tmp_path, "exact")
    trees.musdb18_hq(tmp_path, "half", gain=0.5)
    location = Location(tmp_path, Naming())
    exact, half = list_tracks("x", KINDS["musdb"], location).tracks
    gap = check.gap_db(exact)
    assert gap is not None
    assert gap < -60
    assert check.gap_db(half) == pytest.approx(0.0, abs=0.1)  # as much is left as there is


def test_check_decodes_every_stem_when_asked(hq: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("check", f"musdb={hq}", "-p", "bass", "--source", "musdb", "--listen", "0")
    assert run(*words, "--decode") == 0
    whole = hq / "train" / "A - One"
    bass = audio.read(whole / "bass.wav")[0]
    bass[:, 1000] = np.nan
    soundfile.write(whole / "bass.wav", bass.T, 44_100, subtype="FLOAT")
    audio.write(whole / "drums.wav", np.zeros_like(bass), 44_100, overwrite=True)
    assert run(*words) == 0
    assert "bass.wav" not in capsys.readouterr().err
    assert run(*words, "--decode") == 1
    said = capsys.readouterr()
    assert "1 of 20 stems cannot be decoded to their end" in said.out
    assert "silent stems" in said.out
    assert "drums.wav" in said.out
    assert "A - One: " in said.err
    assert "bass.wav: sample at 0.023 s is not a finite number" in said.err


def test_check_of_an_empty_folder_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run("check", str(tmp_path / "empty"), "-p", "bass") == 1
    assert run("check", f"musdb={tmp_path / 'empty'}", "-p", "bass", "--source", "musdb") == 1
    assert "no track in it" in capsys.readouterr().err
    assert run("check", f"musdb={tmp_path / 'none'}", "-p", "bass") == 1
    assert "no such folder" in capsys.readouterr().err


def test_check_of_a_rendered_source_renders_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path))
    assert run("check", "-p", "bass,flute", "--source", "orchestra") == 0
    assert "120 tracks to train on are rendered by" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_prepare_decodes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    trees.musdb18(tmp_path / "mp4", "A - One")
    words = ("prepare", f"musdb={tmp_path / 'mp4'}", "-p", "bass", "--source", "musdb")
    assert run(*words) == 0
    assert "1 tracks are ready" in capsys.readouterr().out
    files = sorted((tmp_path / "cache").rglob("*.flac"))
    assert len(files) == 5
    assert run(*words) == 0
    assert sorted((tmp_path / "cache").rglob("*")) == sorted(
        {*files, *(p for f in files for p in f.parents if tmp_path / "cache" in p.parents)}
    )


def test_show_writes_mixtures_their_targets_and_a_picture(
    hq: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("show", f"musdb={hq}", "-p", "bass,vocals", "--source", "musdb", "--count", "3")
    assert run(*words, "-o", "here") == 0
    assert "here/batch.png" in capsys.readouterr().out
    here = Path("here")
    assert (here / "batch.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    for k in (1, 2, 3):
        mixture, rate = audio.read(here / f"{k:02d}-mixture.wav")
        assert rate == 44_100
        targets = [p for p in here.glob(f"{k:02d}-*.wav") if "mixture" not in p.name]
        assert targets
        for path in targets:
            assert audio.read(path)[0].shape == mixture.shape
        assert np.abs(mixture).max() > 0.01
    picture, sound = (here / "batch.png").read_bytes(), audio.read(here / "03-mixture.wav")[0]
    assert run(*words, "-o", "here") == 1
    assert "exists" in capsys.readouterr().err
    assert run(*words, "-o", "here", "--overwrite") == 0
    assert (here / "batch.png").read_bytes() == picture  # the same seed
    np.testing.assert_array_equal(audio.read(here / "03-mixture.wav")[0], sound)
