"""`new` writes plugins that pass `check`, as folders and as packages, and overwrites nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import cli
from timbresep import audio
from timbresep.config import ROOT
from timbresep.errors import ConfigError
from timbresep.scaffold.making import make
from timbresep.scaffold.plan import Kind, Plan

KINDS: list[tuple[Kind, list[str]]] = [
    ("backbone", ["backbone"]),
    ("transcriber", ["backbone", "--answers", "notes"]),
    ("source_model", ["source-model"]),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))


def new(words: list[str], name: str, out: Path, *options: str) -> int:
    kind, *rest = words
    return cli.main(["new", kind, name, *rest, "-o", str(out), *options])


def pytest_in(folder: Path, path: Path) -> str:
    """What pytest says of the tests in a folder, run by themselves."""
    given = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(path)])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]
    done = subprocess.run(
        [*command, str(folder), str(folder)], env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize(("kind", "words"), KINDS)
def test_a_new_folder_passes_check_and_its_own_tests(
    kind: Kind, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new(words, "mine", tmp_path / "plugins") == 0
    told = capsys.readouterr().out
    assert f"next: timbresep check {tmp_path}/plugins/mine --trust" in told.replace(
        "python cli.py", "timbresep"
    )
    assert cli.main(["check", str(tmp_path / "plugins" / "mine"), "--trust"]) == 0
    assert "failed" not in capsys.readouterr().out
    if kind == "backbone":  # the packages' tests try the others
        assert "passed" in pytest_in(tmp_path / "plugins" / "mine", tmp_path)
    assert cli.main(["list", "--plugins-dir", str(tmp_path / "plugins"), "--trust"]) == 0
    assert "broken" not in capsys.readouterr().out


@pytest.mark.parametrize(("kind", "words"), KINDS)
def test_a_new_package_is_complete_and_passes_its_own_tests(
    kind: Kind, words: list[str], tmp_path: Path
) -> None:
    assert new(words, "my_own", tmp_path, "--package") == 0
    package = tmp_path / "timbresep-my-own"
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    group = "timbresep.source_models" if kind == "source_model" else "timbresep.backbones"
    assert project["entry-points"] == {group: {"my_own": "timbresep_my_own"}}
    assert project["name"] == "timbresep-my-own"
    assert (package / project["readme"]).is_file()
    assert "my_own" in (package / project["license-files"][0]).read_text() + project["description"]
    assert "passed" in pytest_in(package / "tests", package / "src")


def test_a_new_instrument_passes_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = [audio.read(path) for path in sorted((ROOT / "examples/oboe/notes").glob("*.ogg"))]
    rate = notes[0][1]
    joined = np.concatenate([np.pad(wave, ((0, 0), (0, rate // 2))) for wave, _ in notes], axis=1)
    audio.write(tmp_path / "notes.wav", joined, rate)
    solos = ["--solos", str(tmp_path / "notes.wav"), "--seconds", "2", "--plugin", "saxophone"]
    assert new(["instrument"], "oboe", tmp_path, *solos) == 0
    made = sorted(path.name for path in (tmp_path / "oboe").iterdir())
    files = ["README.md", "condition.json", "condition.npy", "ddsp.safetensors", "instrument.yaml"]
    assert made == [*files, "recipe.yaml", "test_oboe.py"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert cli.main(["check", str(tmp_path / "oboe")]) == 0
    assert "10 passed" in capsys.readouterr().out


def test_a_new_backbone_trains(tmp_path: Path) -> None:
    assert new(["backbone"], "mine", tmp_path / "plugins") == 0
    small = ["--set", "width=8", "--set", "hidden=4", "--batch-size", "2", "--seconds", "0.5"]
    steps = ["--max-steps", "3", "--validate-every", "3", "--workers", "0"]
    where = ["--plugins-dir", str(tmp_path / "plugins"), "--trust", "--out", str(tmp_path / "run")]
    train = ["train", "--plugin", "violin", "--backbone", "mine", *small, *steps, *where]
    assert cli.main(train) == 0
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.txt").write_text("mine")
    assert new(["backbone"], "mine", tmp_path) == 1
    assert "exists" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["own.txt"]
    assert new(["instrument"], "mine", tmp_path, "--solos", str(tmp_path)) == 1
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["My-Net", "../out", "class", "numpy", "", "a" * 60])
def test_a_name_that_cannot_be_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new(["backbone"], name, tmp_path) == 1
    assert "error:" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new(["backbone"], "rnn_mask", tmp_path) == 1
    assert "there is a backbone 'rnn_mask'" in capsys.readouterr().err
    assert new(["backbone"], "note_net", tmp_path, "--answers", "notes") == 1


def test_a_taken_name_is_refused_before_anything_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = ROOT / "examples" / "oboe" / "notes"
    assert new(["instrument"], "violin", tmp_path, "--solos", str(notes)) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: 'violin' is what 'violin' (")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_licence_is_written_as_text(tmp_path: Path) -> None:
    licence = 'MIT" + open("/etc/passwd").read() + "'
    folder = make(Plan("source_model", "mine", licence=licence), tmp_path)
    compile((folder / "__init__.py").read_text(), "mine", "exec")
    assert r"MIT\" + open(\"" in (folder / "__init__.py").read_text()
    with pytest.raises(ConfigError, match="one line"):
        make(Plan("source_model", "other", licence="two\nlines"), tmp_path)


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        raise ConfigError("no notes")

    with pytest.raises(ConfigError):
        make(Plan("instrument", "mine", package=True), tmp_path / "out", fill)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_written_is_tidy(tmp_path: Path) -> None:
    for kind, _ in KINDS:
        make(Plan(kind, f"my_{kind}"), tmp_path)
        make(Plan(kind, f"my_{kind}", package=True), tmp_path)
    make(Plan("instrument", "my_oboe"), tmp_path)
    make(Plan("instrument", "my_oboe", package=True), tmp_path)
    for words in (
        ["format", "--check"],
        ["check", "--select", "B,D1,E,F,UP,W", "--ignore", "D107"],
    ):
        command = [sys.executable, "-m", "ruff", *words, "--isolated", "--line-length", "100"]
        done = subprocess.run(
            [*command, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
