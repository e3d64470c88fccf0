"""The residual: it is the mixture less the stems beside it, whoever is left out, and ever after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep import audio
from timbresep.errors import OutputExistsError
from timbresep.separation.batch import separate_batch
from timbresep.separation.output import Output
from timbresep.separation.parts import Wanted
from timbresep.separation.separator import Separator

AUDIBLE = Wanted(residual=True, keep_absent=False)


@pytest.fixture
def separator() -> Separator:
    return Separator(loaded(GainBackbone(3), loud=0.5, half=0.25, faint=0.01), options=PLAIN)


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path, wanted=AUDIBLE, settings={"network": "a"})


def song(folder: Path, rate: int = RATE) -> Path:
    rng = np.random.default_rng(0)
    path = folder / "song.wav"
    audio.write(path, (0.1 * rng.standard_normal((2, 3 * rate))).astype(np.float32), rate)
    return path


def separated(separator: Separator, path: Path, output: Output, names: Sequence[str]) -> set[str]:
    """Names of the files that are written."""
    batch = separate_batch(separator, [path], output, instruments=names)
    for _, error in batch.failed:
        raise error
    return {file.name for file in batch.done[0].outputs}


def gain(output: Output, path: Path) -> float:
    """How much of the mixture is in the residual."""
    mixture = audio.read(path)[0]
    residual = audio.read(output.folder / "song" / f"residual.{output.format}")[0]
    return float(np.vdot(residual, mixture) / np.vdot(mixture, mixture))


@pytest.mark.parametrize("names", [("loud", "half", "faint"), ("loud", "faint"), ("faint",)])
def test_who_is_left_out_is_in_the_residual_of_a_run_that_keeps_a_ledger(
    names: tuple[str, ...], separator: Separator, output: Output, tmp_path: Path
) -> None:
    path = song(tmp_path)
    present = [name for name in names if name != "faint"]
    written = separated(separator, path, output, names)
    assert written == {*(f"{name}.wav" for name in present), "residual.wav"}
    left = 1 - sum({"loud": 0.5, "half": 0.25}[name] for name in present)
    assert gain(output, path) == pytest.approx(left, abs=1e-5)
    assert not list(output.folder.rglob("*.part*"))
    assert not separated(separator, path, output, names)


def test_a_residual_at_another_rate_than_the_mixture_keeps_its_length(
    separator: Separator, output: Output, tmp_path: Path
) -> None:
    path = song(tmp_path, 44100)
    separated(separator, path, replace(output, format="opus"), ("loud", "faint"))
    length = audio.info(output.folder / "song" / "residual.opus").duration
    assert length == pytest.approx(audio.info(path).duration, abs=0.01)


def test_a_residual_less_other_stems_is_never_taken_for_done(
    separator: Separator, output: Output, tmp_path: Path
) -> None:
    path = song(tmp_path)
    separated(separator, path, output, ("loud",))
    with pytest.raises(OutputExistsError, match=r"residual\.wav exists"):
        separated(separator, path, output, ("loud", "half"))
    separated(separator, path, replace(output, overwrite=True), ("loud", "half"))
    assert gain(output, path) == pytest.approx(0.25, abs=1e-5)
    assert not separated(separator, path, output, ("half", "loud"))


def test_a_residual_that_holds_the_absent_is_not_one_beside_their_stems(
    separator: Separator, output: Output, tmp_path: Path
) -> None:
    path = song(tmp_path)
    separated(separator, path, output, ("loud", "faint"))
    everyone = replace(output, wanted=replace(AUDIBLE, keep_absent=True))
    with pytest.raises(OutputExistsError, match=r"residual\.wav exists"):
        separated(separator, path, everyone, ("loud", "faint"))
