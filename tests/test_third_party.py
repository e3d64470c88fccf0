"""A package of somebody else, installed into a fresh environment, is found, passes and separates.

`examples/timbresep-oboe` is that package. A package that forgot its data says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from timbresep import audio
from timbresep.config import ROOT

EXAMPLE = ROOT / "examples" / "timbresep-oboe"
HATCH = "[tool.hatch.build.targets.wheel]\n"


def new_environment(home: Path) -> Path:
    """A new environment with this timbresep and the tests' libraries, and no plugin."""
    venv.create(home, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    # What .pth files lie in these folders is not read: no plugin of the tests' own is found.
    paths = [str(ROOT / "core"), sysconfig.get_path("purelib")]
    (site / "libraries.pth").write_text("\n".join(paths) + "\n")
    return home / "bin" / "python"


def install(python: Path, package: Path, scratch: Path) -> None:
    """Build a package's wheel, and install it as `pip install` does."""
    copy = scratch / "source"
    shutil.copytree(package, copy)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(scratch)]
    subprocess.run(build, cwd=copy, check=True, capture_output=True)
    (wheel,) = scratch.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-index", str(wheel)], check=True)


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run timbresep in the environment, in a folder of its own."""
    ours = ("PYTHONPATH", "TIMBRESEP_PLUGINS")
    variables = {k: v for k, v in os.environ.items() if k not in ours}
    return subprocess.run(
        [str(python), "-m", "timbresep", *arguments],
        cwd=folder,
        env={**variables, "COLUMNS": "250"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the example."""
    made = new_environment(tmp_path_factory.mktemp("fresh") / "env")
    install(made, EXAMPLE, tmp_path_factory.mktemp("wheel"))
    return made


def test_it_is_listed(python: Path, tmp_path: Path) -> None:
    done = run(python, tmp_path, "list")
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if "timbresep-oboe" in line]
    assert all(word in row for word in ("instrument", "oboe", "ok", "entry point"))
    assert "broken" not in done.stdout


def test_it_passes_check(python: Path, tmp_path: Path) -> None:
    done = run(python, tmp_path, "check", "oboe", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (plugin,) = json.loads(done.stdout)
    assert plugin["passed"]
    assert len(plugin["checks"]) >= 11
    assert plugin["advice"] == []


def test_it_separates(python: Path, tmp_path: Path) -> None:
    mixture, tracks = ROOT / "examples" / "oboe" / "trio.ogg", ROOT / "examples" / "oboe" / "tracks"
    how = ["--separator", "universal", "--mixture-consistency", "-o", "out"]
    done = run(python, tmp_path, "separate", str(mixture), "-i", "oboe,violin,cello", *how)
    assert done.returncode == 0, done.stderr
    given, rate = audio.read(mixture)
    stem, stem_rate = audio.read(tmp_path / "out" / "trio" / "oboe.wav")
    assert (stem_rate, stem.shape) == (rate, given.shape)
    true, _ = audio.read(tracks / "trio" / "oboe.ogg")
    gain = projection(stem[0], true[0]) - projection(given[0], true[0])
    assert gain > 4.0  # dB; 8.1 when this was written


def projection(estimate: np.ndarray, true: np.ndarray) -> float:
    """SI-SDR in dB (Le Roux et al. 2019)."""
    length = min(len(estimate), len(true))
    estimate, true = estimate[:length].astype(float), true[:length].astype(float)
    part = (estimate @ true) / (true @ true) * true
    return float(10 * np.log10((part @ part) / np.sum((estimate - part) ** 2)))


def test_its_own_tests_pass(python: Path) -> None:
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE),
         str(EXAMPLE / "tests")],
        capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_forgotten_package_data_is_said(tmp_path: Path) -> None:
    forgetful = tmp_path / "timbresep-oboe"
    shutil.copytree(EXAMPLE, forgetful)
    project = forgetful / "pyproject.toml"
    assert HATCH in project.read_text()
    project.write_text(project.read_text().replace(HATCH, HATCH + 'exclude = ["*.yaml"]\n'))
    python = new_environment(tmp_path / "env")
    (tmp_path / "wheel").mkdir()
    install(python, forgetful, tmp_path / "wheel")
    listed = run(python, tmp_path, "list")
    (row,) = [line for line in listed.stdout.splitlines() if "timbresep-oboe holds" in line]
    assert "broken" in row
    assert "timbresep-oboe holds no instrument.yaml" in row
    for command in (["separate", "x.wav", "-i", "oboe"], ["check", "oboe"]):
        done = run(python, tmp_path, *command)
        assert done.returncode == 1
        assert "timbresep-oboe holds no instrument.yaml" in done.stderr
        assert "package data" in done.stderr
