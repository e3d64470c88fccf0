"""Other systems' stems beside ours, intervals, and tables for papers and programs."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

import cli
from fakes import PLAIN, RATE
from test_evaluation_folder import SECONDS, given, noise, rows_of, stem
from timbresep import audio
from timbresep.engines.engine import Engine
from timbresep.evaluation import significance
from timbresep.evaluation.estimates import Estimates
from timbresep.evaluation.plan import Plan
from timbresep.evaluation.publish import escaped, latex
from timbresep.evaluation.result import Evaluation, Row, TrackScores
from timbresep.evaluation.run import evaluate_folder
from timbresep.evaluation.significance import RESAMPLES, SCORES, intervals
from timbresep.evaluation.summary import overall
from timbresep.evaluation.tracks import Tracks
from timbresep.metrics import sdr, si_sdr
from timbresep.registry.registry import Registry

__all__ = ["given"]  # a fixture: the separator, and tracks 'one' and 'two' of violin and flute

COMMAND = ["evaluate", "tracks", "--checkpoint", "model.safetensors"]


def made(path: str, wave: np.ndarray, rate: int = RATE) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    audio.write(Path(path), wave, rate, overwrite=True)
    return Path(path)


def run(*systems: str, workers: int = 1) -> Evaluation:
    estimates = tuple(Estimates.parsed(text) for text in systems)
    plan = Plan(
        checkpoint=Path("model.safetensors"), options=PLAIN, trust=True, estimates=estimates
    )
    known = Registry.load().instruments()
    return evaluate_folder(
        plan, Tracks(Path("tracks")), known, out=Path("out"), engine=Engine(workers=workers)
    )


def theirs(seed: int) -> np.ndarray:
    return noise(seed) + 0.3 * noise(seed + 50)


@pytest.fixture
def beside() -> None:
    """Stems of another system, in the layout of demucs (by an alias) and in that of museval."""
    made("other/one/Violin 1.wav", theirs(0))
    made("other/one/flute.wav", theirs(1))
    made("other/test/two/violin.wav", theirs(10)[:1])


@pytest.mark.usefixtures("beside")
def test_other_systems_have_the_scores_of_their_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main([*COMMAND, "--estimates", "theirs=other", "-o", "out"]) == 0
    shown, err = capsys.readouterr()
    found = {
        (line["track"], line["instrument"]): line
        for line in rows_of("scores.csv")
        if line["method"] == "theirs"
    }
    assert set(found) == {("one", "violin"), ("one", "flute"), ("two", "violin")}
    mixture = noise(0) + noise(1)
    line = found["one", "violin"]
    assert float(line["sdr"]) == pytest.approx(sdr(noise(0), theirs(0)), abs=0.01)
    gain = si_sdr(noise(0), theirs(0)) - si_sdr(noise(0), mixture)
    assert float(line["si_sdr_improvement"]) == pytest.approx(gain, abs=0.01)
    mono = np.repeat(theirs(10)[:1], 2, axis=0)
    assert float(found["two", "violin"]["sdr"]) == pytest.approx(sdr(noise(10), mono), abs=0.01)
    assert "track 'two': theirs has no flute" in err
    assert "mean: theirs" in shown
    assert "(n=1)" in shown
    assert "mean: theirs (3 of 4 stems)" in shown
    means = json.loads(Path("out/scores.json").read_text())["instruments"]["flute"]["theirs"]
    assert means["sdr"] == pytest.approx(float(found["one", "flute"]["sdr"]))


@pytest.mark.usefixtures("beside")
def test_other_systems_may_come_later_and_with_workers() -> None:
    alone = run()
    both = run("theirs=other", "other", workers=2)
    assert {row.method for row in both.rows} - {row.method for row in alone.rows} == {
        "theirs",
        "other",
    }
    ours = [row for row in both.rows if row.method not in ("theirs", "other")]
    assert ours == alone.rows
    assert run() == alone


def test_what_does_not_fit_is_told_before_anything_is_separated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*arguments: str) -> str:
        assert cli.main([*COMMAND, *arguments]) == 1
        return capsys.readouterr().err

    monkeypatch.setattr("timbresep.evaluation.score.Scorer.score", lambda *_: pytest.fail("scored"))
    made("short/one/violin.wav", noise(0)[:, :-10])
    assert f"{SECONDS * RATE - 10} samples" in told("--estimates", "short")
    made("slow/one/violin.wav", noise(0), RATE // 2)
    assert f"at {RATE // 2} Hz" in told("--estimates", "slow")
    Path("empty").mkdir()
    assert "empty has no stem of these tracks" in told("--estimates", "empty")
    assert "no folder nowhere" in told("--estimates", "nowhere")
    assert "cannot be called 'oracle'" in told("--estimates", "oracle=empty")
    made("good/one/violin.wav", noise(0))
    assert "two systems are called 'good'" in told("--estimates", "good", "--estimates", "good")
    made("twice/one/violin.wav", noise(0))
    made("twice/one/violin.flac", noise(0))
    assert "are both 'violin'" in told("--estimates", "twice")


def test_a_track_cannot_lead_out_of_the_folder() -> None:
    made("away/violin.wav", noise(0))
    Path("inside").mkdir()
    from dataclasses import replace

    track = Tracks(Path("tracks")).find(Registry.load().instruments())[0]
    naming = lambda name: name  # noqa: E731
    hostile = replace(track, name="../away")
    assert Estimates("x", Path("inside")).stems(hostile, naming) == {}  # type: ignore[arg-type]


def made_up(tracks: int, seed: int = 0) -> Evaluation:
    """Scores of two systems, of which one is 0.3 dB better on every stem, give or take 0.1 dB."""
    rng = np.random.default_rng(seed)
    result = Evaluation(("flute", "violin"))
    for place in range(tracks):
        rows = []
        for name in result.instruments:
            value = float(rng.normal(5, 3))
            better = value + float(rng.normal(0.3, 0.1))
            rows.append(Row(f"t{place}", name, "separator", value, value, value, value))
            rows.append(Row(f"t{place}", name, "new_one", better, better, better, better))
            rows.append(Row(f"t{place}", name, "mixture", 0.0, 0.0, 0.0, 0.0))
        result.tracks.append(TrackScores(f"t{place}", rows))
    return result


def test_intervals_are_those_of_the_theory() -> None:
    result = made_up(200)
    found = {(each.instrument, each.method, each.score): each for each in intervals(result)}
    for score in SCORES:
        ours, theirs = (found["violin", way, score] for way in ("separator", "new_one"))
        values = [
            getattr(row, score)
            for row in result.rows
            if (row.instrument, row.method) == ("violin", "separator")
        ]
        half = 1.96 * np.std(values, ddof=1) / np.sqrt(200)
        assert ours.tracks == 200
        assert ours.difference is None
        assert ours.mean.mean == pytest.approx(np.mean(values))
        assert ours.mean.low == pytest.approx(np.mean(values) - half, abs=0.05)
        assert ours.mean.high == pytest.approx(np.mean(values) + half, abs=0.05)
        # the means' intervals overlap by far, yet the pairs show which one is better
        assert theirs.mean.low is not None
        assert ours.mean.high is not None
        assert theirs.mean.low < ours.mean.high
        assert theirs.difference is not None
        assert theirs.difference.excludes_zero
        assert theirs.difference.mean == pytest.approx(0.3, abs=0.05)
    everyone = found[None, "separator", "sdr"]
    assert everyone.mean.mean == pytest.approx(overall(result, "separator")["sdr"])
    assert intervals(result) == intervals(result)


def test_intervals_hold_the_truth_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "RESAMPLES", 500)
    held = 0
    for seed in range(100):
        each = next(e for e in intervals(made_up(30, seed)) if e.instrument == "violin")
        assert each.mean.low is not None
        assert each.mean.high is not None
        held += each.mean.low < 5 < each.mean.high
    assert 85 <= held <= 100
    assert RESAMPLES == 10_000


def test_missing_scores_are_left_out_of_both_sides() -> None:
    result = made_up(10)
    for track in result.tracks[4:]:
        track.rows = [r for r in track.rows if (r.instrument, r.method) != ("violin", "new_one")]
    found = {(e.instrument, e.method, e.score): e for e in intervals(result, "new_one")}
    ours = found["violin", "separator", "sdr"]
    assert (ours.tracks, ours.pairs, found["violin", "new_one", "sdr"].tracks) == (10, 4, 4)
    assert ours.difference is not None
    assert ours.difference.mean == pytest.approx(-0.3, abs=0.15)
    alone = {(e.instrument, e.method): e for e in intervals(made_up(1))}["violin", "separator"]
    assert (alone.mean.low, alone.mean.high) == (None, None)


@pytest.mark.usefixtures("beside")
def test_differences_are_to_the_system_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*COMMAND, "--estimates", "theirs=other", "--significance", "--against", "theirs"]
    assert cli.main([*arguments, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["intervals"]["reference"] == "theirs"
    rows = data["intervals"]["rows"]
    assert {row["method"] for row in rows if row["difference"]} == {"separator"}
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "95 % intervals" in shown
    assert "theirs" in shown


@pytest.mark.usefixtures("beside")
def test_csv_latex_and_page_hold_the_same_scores(capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--csv", "a.csv", "--latex", "a.tex", "--report", "a.html"]
    arguments = [*COMMAND, "--estimates", "their_one=other", "--significance", "-o", "out", *files]
    assert cli.main(arguments) == 0
    with Path("a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert lines == rows_of("scores.csv")
    data = json.loads(Path("out/scores.json").read_text())
    text = Path("a.tex").read_text()
    parsed = {
        cells[0].strip(): [re.sub(r"\\textbf\{(.*?)\}| \{.*", r"\1", c).strip() for c in cells[1:]]
        for line in text.splitlines()
        if (cells := line.removesuffix(r"\\").split("&")) and len(cells) == 6
    }
    assert r"\multicolumn{2}{c}{their\_one (3 of 4 stems)}" in text
    for name in ("violin", "flute"):
        expected = [
            f"{data['instruments'][name][way][key]:.1f}"
            for way in ("separator", "their_one")
            for key in ("sdr", "si_sdr_improvement")
        ]
        assert parsed[name] == ["2", *expected]
    assert parsed["mean"][1] == f"{data['mean']['separator']['sdr']:.1f}"
    html = Path("a.html").read_text()
    for line in lines:
        if line["method"] == "separator":
            assert f"{float(line['si_sdr']):.1f}" in html
    assert "data:image/png" in html
    assert "their_one" in html
    capsys.readouterr()
    assert cli.main(arguments) == 1
    assert "a.csv exists" in capsys.readouterr().err
    assert cli.main([*arguments, "--overwrite"]) == 0


def test_no_name_is_a_command_of_latex() -> None:
    result = made_up(3)
    for track in result.tracks:
        track.rows = [
            Row(r.track, r.instrument, r"\input{x}&%$#_^~" if r.method == "new_one" else r.method,
                r.sdr, r.si_sdr, r.sdr_improvement, r.si_sdr_improvement)
            for r in track.rows
        ]  # fmt: skip
    assert r"\input" not in latex(result)
    assert escaped(r"a_b\c") == r"a\_b\textbackslash{}c"


def test_notes_have_none_of_this(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "tracks", "--notes", "--latex", "a.tex"]) == 1
    assert "--latex: only for separators" in capsys.readouterr().err


def test_what_cannot_be_written_is_told_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*COMMAND, "--csv", "a", "--latex", "a"]) == 1
    assert "name one file" in capsys.readouterr().err
    assert cli.main([*COMMAND, "--csv", "nowhere/a.csv"]) == 1
    assert "no folder nowhere" in capsys.readouterr().err
    stem("one", "violin", noise(0))
