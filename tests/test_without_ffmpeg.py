"""On a machine without ffmpeg everything but STEM files works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_trees import musdb18_hq, tone, write

REPOSITORY = Path(__file__).parents[1]


def python(where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process that finds no program but itself."""
    (where / "bin").mkdir(exist_ok=True)
    found = {"PATH": str(where / "bin"), "PYTHONPATH": str(REPOSITORY / "core")}
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, **found, "TIMBRESEP_CACHE": str(where / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("layout", ["stems", "wav edition"])
def test_plain_wav_needs_no_ffmpeg(tmp_path: Path, layout: str) -> None:
    if layout == "stems":
        for name in ("bass", "violin"):
            write(tmp_path / "my" / "piece" / f"{name}.wav", tone(220))
    else:
        musdb18_hq(tmp_path / "my", "A - One")
    words = ("data", "check", str(tmp_path / "my"), "-p", "bass")
    done = python(tmp_path, str(REPOSITORY / "cli.py"), *words)
    assert done.returncode == 0, done.stderr
    assert ("MUSDB18" if layout == "wav edition" else "stem folders") in done.stdout


def test_a_stem_file_asks_for_ffmpeg(tmp_path: Path) -> None:
    path = tmp_path / "my" / "train" / "A - One.stem.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"any")
    words = ("data", "check", str(tmp_path / "my"), "-p", "bass")
    done = python(tmp_path, str(REPOSITORY / "cli.py"), *words)
    assert done.returncode == 1
    assert "needs the program ffmpeg — install ffmpeg" in done.stderr


def test_bsseval_needs_no_ffmpeg(tmp_path: Path) -> None:
    script = """
import sys
import numpy as np
from timbresep.evaluation.bsseval import bss_eval
waves = dict(zip("ab", np.random.default_rng(0).standard_normal((2, 1, 16000)).astype("f")))
worse = {name: wave + 0.1 * waves["b"] for name, wave in waves.items()}
print(bss_eval("t", 8000, waves, worse).medians["a"]["sdr"], "musdb" in sys.modules)
"""
    done = python(tmp_path, "-c", script)
    assert done.returncode == 0, done.stderr
    sdr, stand_in_left = done.stdout.split()
    assert float(sdr) == pytest.approx(20, abs=1)
    assert stand_in_left == "False"
