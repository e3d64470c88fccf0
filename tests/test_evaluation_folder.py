"""`evaluate` on a folder: what is written, gone on with, skipped and counted."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

import cli
from fakes import PLAIN, RATE, plugin, saved
from timbresep import audio
from timbresep.engines.engine import Engine
from timbresep.evaluation.plan import Plan
from timbresep.evaluation.result import Evaluation
from timbresep.evaluation.run import evaluate_folder
from timbresep.evaluation.tracks import Tracks
from timbresep.registry.registry import Registry

DIM = 164  # length of the bundled instruments' conditions
SECONDS = 2


def noise(seed: int, channels: int = 2, rate: int = RATE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal((channels, SECONDS * rate))).astype(np.float32)


def stem(track: str, name: str, wave: np.ndarray, rate: int = RATE) -> Path:
    path = Path("tracks") / track / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, wave, rate, overwrite=True)
    return path


@pytest.fixture(autouse=True)
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backbone that scales the mixture, a checkpoint, and two tracks of violin and flute."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "model.safetensors", DIM, violin=0.5, flute=0.25)
    for seed, track in enumerate(("one", "two")):
        stem(track, "violin", noise(10 * seed))
        stem(track, "flute", noise(10 * seed + 1))
    return tmp_path


def run(out: str | None = "out", **options: object) -> Evaluation:
    checkpoint, earlier = Path("model.safetensors"), options.pop("earlier", None)
    bsseval = options.pop("bsseval", None)
    engine = Engine(workers=options.pop("workers", 1))
    plan = Plan(checkpoint=checkpoint, earlier=earlier, bsseval=bsseval, options=PLAIN, trust=True)
    instruments = Registry.load().instruments()
    tracks = Tracks(
        Path("tracks"), split=options.pop("split", None), limit=options.pop("limit", None)
    )
    to = Path(out) if out else None
    return evaluate_folder(plan, tracks, instruments, out=to, engine=engine, **options)


def rows_of(name: str) -> list[dict[str, str]]:
    with Path("out", name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_json_and_csv_hold_the_same_scores() -> None:
    result = run()
    data = json.loads(Path("out/scores.json").read_text())
    table = rows_of("scores.csv")
    assert len(table) == len(data["rows"]) == len(result.rows) == 2 * 2 * 6
    for line, row in zip(table, data["rows"], strict=True):
        assert line["method"] == row["method"]
        assert float(line["sdr"]) == row["sdr"]
    silence = [line for line in table if line["method"] == "silence"]
    assert {line["si_sdr"] for line in silence} == {""}
    mean = next(
        line
        for line in rows_of("instruments.csv")
        if (line["instrument"], line["method"], line["statistic"])
        == ("violin", "separator", "mean")
    )
    assert float(mean["si_sdr"]) == data["instruments"]["violin"]["separator"]["si_sdr"]
    assert mean["tracks"] == "2"


def test_workers_change_nothing() -> None:
    assert run("spread", workers=2) == run("alone")
    assert Path("spread/scores.json").read_bytes() == Path("alone/scores.json").read_bytes()


def test_a_rerun_scores_only_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from timbresep.evaluation.score import Scorer

    first = run()
    Path("out/tracks/two.json").unlink()
    scored = []
    score = Scorer.score
    monkeypatch.setattr(
        Scorer,
        "score",
        lambda self, track, *rest: (scored.append(track.name), score(self, track, *rest))[1],
    )
    assert run() == first
    assert scored == ["two"]
    assert run() == first
    assert scored == ["two"]
    Path("out/tracks/one.json").write_text("{")  # damaged
    changed = stem("two", "flute", noise(99))
    os.utime(changed, (0, 0))
    assert run() != first
    assert scored == ["two", "one", "two"]


def test_other_settings_need_another_folder_or_overwrite(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["evaluate", "tracks", "--checkpoint", "model.safetensors", "-o", "out"]
    assert cli.main(arguments) == 0
    saved(Path("model.safetensors"), DIM, violin=0.1, flute=0.2)
    capsys.readouterr()
    before = Path("out/scores.json").read_bytes()
    assert cli.main(arguments) == 1
    assert "sha256" in capsys.readouterr().err
    assert Path("out/scores.json").read_bytes() == before
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert Path("out/scores.json").read_bytes() != before


def test_an_earlier_checkpoint_stands_beside(capsys: pytest.CaptureFixture[str]) -> None:
    saved(Path("earlier.safetensors"), DIM, flute=0.1, violin=0.5)
    result = run(earlier=Path("earlier.safetensors"))
    by = {(row.track, row.instrument, row.method): row for row in result.rows}
    assert by["one", "violin", "earlier"].sdr == by["one", "violin", "separator"].sdr
    flute, mixture = noise(1), noise(0) + noise(1)
    error = np.sum((flute - 0.1 * mixture) ** 2)
    expected = 10 * np.log10(np.sum(flute**2) / error)
    assert by["one", "flute", "earlier"].sdr == pytest.approx(expected, abs=1e-3)
    arguments = ["evaluate", "tracks", "--checkpoint", "model.safetensors"]
    assert cli.main([*arguments, "--against", "earlier.safetensors"]) == 0
    shown = capsys.readouterr().out
    assert "difference" in shown
    assert "mean: earlier checkpoint" in shown


def test_the_mixture_is_the_file_beside_the_stems() -> None:
    violin, flute = noise(0), noise(1)
    stem("one", "mixture", violin + flute)
    half = stem("two", "mixture", 0.5 * (noise(10) + noise(11)))
    result = run()
    one, two = result.tracks
    assert one.mixture_error is not None
    assert one.mixture_error < -100
    assert one.notes == []
    assert two.mixture_error == pytest.approx(0.0, abs=1e-3)  # half of it is missing
    assert "not the sum" in two.notes[0]
    data = json.loads(Path("out/scores.json").read_text())
    assert data["summary"]["mixture_is_not_the_sum"] == ["two"]
    by = {(row.track, row.instrument, row.method): row for row in result.rows}
    assert by["two", "violin", "mixture"].sdr == pytest.approx(
        10 * np.log10(4 * np.sum(noise(10) ** 2) / np.sum((noise(10) - noise(11)) ** 2)), abs=1e-3
    )  # |s|² / |s − (s + n)/2|²
    half.unlink()
    assert run().tracks[1].mixture_error is None


def test_bad_tracks_are_skipped_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    stem("short", "violin", noise(0))
    stem("short", "flute", noise(1)[:, :-1])
    stem("rates", "violin", noise(0))
    stem("rates", "flute", noise(1), 2 * RATE)
    stem("corrupt", "violin", noise(0))
    broken = stem("corrupt", "flute", noise(1))
    broken.write_bytes(broken.read_bytes()[:2000])
    stem("empty", "violin", noise(0)).write_bytes(b"")
    stem("nan", "violin", noise(0))
    with np.errstate(all="ignore"):
        import soundfile

        soundfile.write("tracks/nan/violin.wav", np.full(2 * RATE, np.nan), RATE, "FLOAT")
    stem("silent", "violin", 0 * noise(0))
    stem("mixture-only", "mixture", noise(0))
    stem("long-mixture", "violin", noise(0))
    stem("long-mixture", "mixture", np.tile(noise(0), 2))
    stem("others", "kazoo", noise(0))
    bad = {"short", "rates", "corrupt", "empty", "nan", "silent", "mixture-only", "long-mixture"}
    arguments = [
        "evaluate",
        "tracks",
        "--checkpoint",
        "model.safetensors",
        "-o",
        "out",
        "--independent",
    ]
    assert cli.main(arguments) == 1
    shown = capsys.readouterr()
    errors = [line for line in shown.err.splitlines() if line.startswith("error:")]
    assert len(errors) == len(bad)
    assert "3 of 11 tracks scored; 8 skipped; 1 without any of the instruments" in shown.out
    data = json.loads(Path("out/scores.json").read_text())
    assert {item["track"] for item in data["summary"]["skipped"]} == bad
    assert data["summary"]["without_target"] == ["others"]
    absent = {(row["track"], row["instrument"]): float(row["level"]) for row in data["absent"]}
    assert absent["others", "violin"] == pytest.approx(20 * np.log10(0.5), abs=1e-3)


def test_workers_skip_bad_tracks_too() -> None:
    stem("silent", "violin", 0 * noise(0))
    result = run(workers=2)
    assert [item.track for item in result.skipped] == ["silent"]
    assert len(result.tracks) == 2


def test_nothing_to_score_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    for track in ("one", "two"):
        for path in Path("tracks", track).iterdir():
            path.write_bytes(b"")
    assert cli.main(["evaluate", "tracks", "--checkpoint", "model.safetensors"]) == 1
    assert "none of its 2 tracks can be used" in capsys.readouterr().err
    assert cli.main(["evaluate", "nowhere", "--checkpoint", "model.safetensors"]) == 1
    assert "no such folder" in capsys.readouterr().err
