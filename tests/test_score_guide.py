"""The commands of the guide to scores do on its examples what the guide says."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import cli
from test_docs import commands
from timbresep import audio
from timbresep.metrics import si_sdr
from timbresep.notes.reading import read

pytest.importorskip("music21")

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "guides" / "scores.md"
EXAMPLES = ("examples/scores/", "data/starter/")
QUARTET = ("violin_1", "violin_2", "viola", "cello")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of the guide have written, one after the other.

    `evaluate` is left out: it separates all of this again.
    """
    folder = tmp_path_factory.mktemp("guide")
    for name in ("data", "examples"):
        (folder / name).symlink_to(ROOT / name)
    lines = [
        line
        for line in commands(GUIDE.read_text(encoding="utf-8"))
        if any(part in line for part in EXAMPLES) and not line.startswith("evaluate")
    ]
    assert len(lines) == 8
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in lines:
            assert cli.main(shlex.split(line, comments=True)) == 0, line
    return folder / "out"


def wave(path: Path) -> NDArray[np.float32]:
    return audio.read(path)[0]


def gain(estimate: Path, truth: str) -> float:
    """Improvement in SI-SDR over the mixture, in dB."""
    true = ROOT / truth
    mixture = true.parent.with_suffix(".flac")
    if not mixture.exists():  # of the demo
        mixture = true.parent.with_name("mixture.flac")
    stem = wave(true)
    return si_sdr(stem, wave(estimate)) - si_sdr(stem, wave(mixture))


def test_stems_and_residual_sum_to_the_recording(out: Path) -> None:
    files = [out / "strings" / "quartet" / f"{name}.wav" for name in (*QUARTET, "residual")]
    mixture = wave(ROOT / "examples/scores/quartet.flac")
    summed = np.sum([wave(path) for path in files], axis=0)
    np.testing.assert_allclose(summed, mixture, atol=1e-5)
    assert np.square(wave(files[-1])).sum() < 0.05 * np.square(mixture).sum()


@pytest.mark.parametrize("violin", ["violin_1", "violin_2"])
@pytest.mark.parametrize("folder", ["strings", "violins"])
def test_two_violins_are_told_apart(out: Path, folder: str, violin: str) -> None:
    found = out / folder / "quartet" / f"{violin}.wav"
    assert gain(found, f"examples/scores/quartet/{violin}.ogg") > 5
    other = "violin_2" if violin == "violin_1" else "violin_1"
    assert gain(found, f"examples/scores/quartet/{other}.ogg") < 0


def test_an_instrument_without_a_plugin_is_separated(out: Path) -> None:
    found = out / "strings" / "quartet" / "viola.wav"
    assert gain(found, "examples/scores/quartet/viola.ogg") > 5


def test_the_notes_of_each_stem_are_written_in_the_time_of_the_recording(out: Path) -> None:
    counts = {part.name: len(part.notes) for part in read(out / "aligned" / "quartet.mid").parts}
    assert set(counts) == set(QUARTET)
    for name, count in counts.items():
        (part,) = read(out / "strings" / "quartet" / f"{name}.mid").parts
        assert (part.name, len(part.notes)) == (name, count)
        assert 0.3 < part.notes[0].start < 0.6  # the recording begins with a rest of 0.4 s


def test_notes_mended_by_hand_are_taken_as_they_are(out: Path) -> None:
    found = out / "mended" / "quartet" / "violin_2.wav"
    assert gain(found, "examples/scores/quartet/violin_2.ogg") > 5


def test_the_chorale_is_separated(out: Path) -> None:
    for name in ("vocals", "flute"):
        found = out / "chorale" / "mixture" / f"{name}.wav"
        assert gain(found, f"data/starter/demo/chorale/{name}.ogg") > 5


def test_the_piano_is_found_by_the_notes_of_the_whole_band(out: Path) -> None:
    truth = "examples/scores/song/piano.ogg"
    whole = gain(out / "song" / "song" / "piano.wav", truth)
    assert whole > 4
    assert whole > gain(out / "piano" / "song" / "piano.wav", truth) + 2


def test_another_piece_is_refused_in_the_words_of_the_guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    mixture, score = "examples/scores/quartet.flac", "data/starter/demo/chorale.mxl"
    given = ["separate", mixture, "--score", score, "--separator", "none", "-o", str(tmp_path)]
    assert cli.main(given) == 1
    assert " ".join(capsys.readouterr().err.split()) in " ".join(
        GUIDE.read_text(encoding="utf-8").split()
    )
    assert not list(tmp_path.iterdir())
