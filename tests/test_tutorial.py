"""The tutorial is true: its commands run as they stand, in order, in a fresh environment."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from test_third_party import new_environment
from timbresep.config import ROOT

PAGE = ROOT / "docs" / "tutorials" / "own-instrument.md"
PROGRAMS = ("timbresep", "pip", "python")


def added() -> str:
    """What the page adds to the instrument's description."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return str(block)


def commands() -> list[list[str]]:
    """The commands of the page, split into words: lines of its indented blocks."""
    lines = PAGE.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    words = [shlex.split(line) for line in lines if line.startswith("    ")]
    return [each for each in words if each[0] in PROGRAMS]


def run(python: Path, folder: Path, words: list[str]) -> str:
    """Run a command of the page in the environment; gives what it prints."""
    programs = {
        "timbresep": [str(python), "-m", "timbresep"],
        "python": [str(python)],
        "pip": [sys.executable, "-m", "pip", "--python", str(python)],
    }
    ours = ("PYTHONPATH", "TIMBRESEP_PLUGINS")
    given = {k: v for k, v in os.environ.items() if k not in ours}
    # pip gets nothing: what is needed to build and to run is in the environment.
    given |= {"COLUMNS": "250", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"}
    given |= {"PIP_NO_DEPS": "1"}
    command = [*programs[words[0]], *words[1:]]
    done = subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def test_there_are_commands() -> None:
    assert len(commands()) >= 8
    assert {words[0] for words in commands()} == set(PROGRAMS)


def test_from_ten_notes_to_a_package(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    python = new_environment(tmp_path / "env")
    described = tmp_path / "my-work/timbresep-oboe/src/timbresep_oboe/instrument.yaml"
    told = {}
    for words in commands():
        told[" ".join(words[:2])] = run(python, tmp_path, words)
        if words[:2] == ["timbresep", "new"]:
            described.write_text(described.read_text() + added())
    assert "oboe" in yaml.safe_load(described.read_text())["name"]
    assert "timbresep-oboe (entry point oboe)" in told["timbresep list"]
    assert "failed" not in told["timbresep check"]
    stems = {path.name for path in (tmp_path / "my-work/out/trio").glob("*.wav")}
    assert stems == {"oboe.wav", "violin.wav", "cello.wav"}
    assert list((tmp_path / "my-work/dist").glob("timbresep_oboe-*.whl"))


def test_the_example_is_what_the_tutorial_makes() -> None:
    package = ROOT / "examples" / "timbresep-oboe"
    described = yaml.safe_load((package / "src/timbresep_oboe/instrument.yaml").read_text())
    assert yaml.safe_load(added()).items() <= described.items()
