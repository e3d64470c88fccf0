"""The README's commands run as they are typed, but for those that another test or target runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import soundfile

from timbresep import audio

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 6
ELSEWHERE = {
    "serve": "it does not end; tests/browser runs it",
    "new": "it takes minutes; tests/test_tutorial.py runs it",
    "train": "it takes hours; make demo runs it for a minute",
    "evaluate": "make demo runs it",
}


def commands() -> list[list[str]]:
    """The README's commands, without those that run elsewhere."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^python cli\.py (.+)$", text, re.MULTILINE)
    return [words for line in lines if (words := shlex.split(line))[0] not in ELSEWHERE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README takes for granted: a song, and a quartet with its score."""
    made = tmp_path_factory.mktemp("readme")
    wave, rate = audio.read(ROOT / "data" / "starter" / "demo" / "mixture.flac")
    soundfile.write(made / "song.wav", wave[:, : SECONDS * rate].T, rate)
    wave, rate = audio.read(ROOT / "examples" / "scores" / "quartet.flac")
    soundfile.write(made / "quartet.wav", wave.T, rate)
    with zipfile.ZipFile(ROOT / "examples" / "scores" / "quartet.mxl") as archive:
        (name,) = [
            n for n in archive.namelist() if n.endswith((".xml", ".musicxml")) and "/" not in n
        ]
        (made / "quartet.musicxml").write_bytes(archive.read(name))
    return made


def test_there_are_commands_to_run() -> None:
    assert {words[0] for words in commands()} >= {"separate", "listen", "notes"}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_runs_as_typed(words: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if "-o" in words:
        assert "→" in done.stdout
