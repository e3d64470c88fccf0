"""The commands of the guides to MUSDB18-HQ and MedleyDB run, on small trees of their layouts."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import cli
import dataset_trees as trees
from test_docs import commands

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ROOT / "docs" / "guides"
SMALL = {
    "train": "--max-steps 1 --validate-every 1 --batch-size 2 --targets 1 --seconds 0.5 "
    "--workers 0",
    "evaluate": "--workers 1",
}
"""What makes a command quick; the last of two options counts."""
STEMS = ("vocals", "drums", "bass", "other")


def run(guide: str, folder: Path, **places: Path) -> list[list[str]]:
    """Run a guide's commands one after the other, with the places where its data lie here."""
    ran = []
    for line in commands((GUIDES / guide).read_text(encoding="utf-8")):
        for name, place in places.items():
            line = line.replace(f"/data/{name}", str(place))
        words = shlex.split(line)
        words += shlex.split(SMALL.get(words[0], ""))
        assert cli.main(words) == 0, line
        ran.append(words)
    assert not any(word.startswith("/data") for words in ran for word in words)
    return ran


def noise(seed: int, seconds: float = 1.2) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (0.05 * rng.standard_normal((2, round(seconds * 44_100)))).astype(np.float32)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "separators").symlink_to(ROOT / "separators")
    return tmp_path


def test_musdb18_hq_from_training_to_scores(place: Path) -> None:
    for k, song in enumerate(("train/A - One", "train/B - Two", "test/C - Three", "test/D - Four")):
        waves = {name: noise(10 * k + n) for n, name in enumerate(STEMS)}
        mixture = np.sum(list(waves.values()), axis=0, dtype=np.float32)
        for name, wave in {**waves, "mixture": mixture}.items():
            trees.write(place / "hq" / song / f"{name}.wav", wave, 44_100)
    for song in ("C - Three", "D - Four"):
        for name in STEMS:
            to = place / "separated" / "htdemucs" / song / f"{name}.wav"
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(place / "hq" / "test" / song / "mixture.wav", to)
    ran = run("musdb.md", place, musdb18hq=place / "hq")
    assert [words[0] for words in ran] == ["data", "data", "train", *["evaluate"] * 3]
    with Path("scores/musdb/bsseval.csv").open(newline="") as file:
        assert {row["source"] for row in csv.DictReader(file)} == {*STEMS}
    means = json.loads(Path("scores/musdb-demucs/scores.json").read_text())["mean"]
    assert means["demucs"]["si_sdr_improvement"] == pytest.approx(0, abs=0.01)
    assert r"\bottomrule" in Path("table.tex").read_text()
    assert "demucs" in Path("table.html").read_text()


def test_medleydb_from_training_to_scores(place: Path) -> None:
    labels = {"01": "violin", "02": "flute", "03": "male singer", "04": "tuba"}
    for artist in range(12):  # the side of a song follows from its artist's name
        trees.medleydb(place / "medley", f"Artist{artist}_Song", labels)
    ran = run("medleydb.md", place, medleydb=place / "medley")
    assert [words[0] for words in ran] == ["data", "data", *["train"] * 2, *["evaluate"] * 2]
    for name in ("medleydb", "medleydb-against"):
        with Path(f"scores/{name}/scores.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["instrument"] for row in rows} == {"violin", "flute", "vocals"}
    assert {row["method"] for row in rows} >= {"separator", "earlier", "oracle"}


def test_every_script_that_measures_has_its_command_and_the_command_its_options() -> None:
    page = (GUIDES / "reproduce.md").read_text(encoding="utf-8")
    for folder in ("benchmarks", "research"):
        shared = (ROOT / "research" / "study.py").read_text() if folder == "research" else ""
        for path in (ROOT / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            if "__main__" not in text:
                continue
            name = f"{folder}/{path.name}"
            assert name in page, name
            for line in re.findall(rf"`python {re.escape(name)}([^`]*)`", page):
                for option in re.findall(r" (--[\w-]+)", line):
                    assert f'"{option}"' in text + shared, f"{name} {option}"
