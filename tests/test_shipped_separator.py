"""The separator that ships: the same stems from the command line and Python, and known scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from timbresep import audio
from timbresep.__main__ import main
from timbresep.metrics import si_sdr
from timbresep.separation.load import open_separator
from timbresep.separation.separator import Separator

DEMO = Path(__file__).parents[1] / "data" / "starter" / "demo"
SECONDS = 4
SCORES = {"violin": 16.58, "flute": 18.29}  # SI-SDR improvement in dB


@pytest.fixture(scope="module")
def separator() -> Separator:
    return open_separator(list(SCORES), separator="universal")


def start_of(path: Path) -> tuple[np.ndarray, int]:
    _, rate = audio.read(path, frames=1)
    return audio.read(path, frames=SECONDS * rate)


def test_the_command_line_and_python_give_the_same_stems(tmp_path: Path) -> None:
    wave, rate = start_of(DEMO / "mixture.flac")
    audio.write(tmp_path / "start.wav", wave, rate)
    command = ["separate", str(tmp_path / "start.wav"), "-i", ",".join(SCORES)]
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    for name, stem in open_separator(list(SCORES)).separate(wave, rate).items():
        written, _ = audio.read(tmp_path / "out" / "start" / f"{name}.wav")
        assert np.array_equal(written, stem)


def test_its_scores_on_the_demo_are_known(separator: Separator) -> None:
    mixture, rate = start_of(DEMO / "mixture.flac")
    stems = separator.separate(mixture, rate)
    for name, expected in SCORES.items():
        truth, _ = start_of(DEMO / "chorale" / f"{name}.ogg")
        gain = si_sdr(truth, stems[name]) - si_sdr(truth, mixture)
        assert gain == pytest.approx(expected, abs=0.01)
