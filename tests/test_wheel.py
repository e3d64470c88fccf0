"""The wheel is a whole program: it lists, separates and trains anywhere, without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from timbresep import audio


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; the libraries are those of the tests' own."""
    root = Path(__file__).parents[1]
    wheels = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = wheels.glob("timbresep-*.whl")
    home = tmp_path_factory.mktemp("anywhere") / "env"
    venv.create(home, symlinks=True)
    python = str(home / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = home.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but what .pth files lie in it is not read: the tests' own
    # editable timbresep is not found this way.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def program(environment: Path, folder: Path, *arguments: str) -> str:
    """Run the installed program in a folder of its own; gives what it prints."""
    variables = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TIMBRESEP_PLUGINS")
    }
    done = subprocess.run(
        [str(environment / "bin" / "timbresep"), *arguments],
        cwd=folder,
        env={**variables, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_lists_all_that_ships(environment: Path, tmp_path: Path) -> None:
    listed = program(environment, tmp_path, "list")
    assert "broken" not in listed
    for name in ("violin", "drums", "rnn_mask", "unet_mask", "universal"):
        assert name in listed
    where = [
        str(environment / "bin" / "python"),
        "-c",
        "import timbresep; print(timbresep.__file__)",
    ]
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(environment)), "the wheel's, not the checkout's"
    module = [str(environment / "bin" / "python"), "-m", "timbresep", "--version"]
    assert subprocess.run(module, cwd=tmp_path, capture_output=True, check=True).stdout


def test_it_separates(environment: Path, tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    audio.write(tmp_path / "tone.wav", tone[None].astype(np.float32), 44_100)
    program(environment, tmp_path, "separate", "tone.wav", "-i", "violin,flute")
    for name in ("violin", "flute"):
        stem, rate = audio.read(tmp_path / "out" / "tone" / f"{name}.wav")
        assert (rate, stem.shape) == (44_100, (1, 44_100))


def test_it_trains(environment: Path, tmp_path: Path) -> None:
    small = ["--set", "hidden=16", "--set", "width=16", "--batch-size", "2", "--seconds", "0.5"]
    steps = ["--max-steps", "5", "--validate-every", "5", "--workers", "0", "--out", "run"]
    program(environment, tmp_path, "train", "--plugin", "violin", *small, *steps)
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_it_makes_a_plugin(environment: Path, tmp_path: Path) -> None:
    program(environment, tmp_path, "new", "backbone", "mine")
    assert "failed" not in program(environment, tmp_path, "check", "my-plugins/mine", "--trust")
