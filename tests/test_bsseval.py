"""BSSEval on a tree shaped as MUSDB18-HQ equals museval's own, and museval's tools read it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import cli
from fakes import RATE, plugin, saved
from timbresep import audio
from timbresep.errors import DataError
from timbresep.evaluation import bsseval

if shutil.which("ffmpeg") is None:
    pytest.skip("museval's own reader needs ffmpeg", allow_module_level=True)

import musdb
import museval

DIM = 164  # length of the bundled instruments' conditions
SECONDS = 3
METRICS = ("SDR", "SIR", "ISR", "SAR")


def band_limited(wave: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(wave)
    spectrum[:, round(spectrum.shape[1] * 3 / 4) :] = 0
    return np.fft.irfft(spectrum, wave.shape[1]).astype(np.float32)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two test tracks; in the second one the vocals rest in the middle second.

    The stems are floats without energy above 3 kHz, as a lossy codec leaves them, and the vocals
    sit in the centre: museval on the bare floats gives nonsense.
    """
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "model.safetensors", DIM, vocals=0.4)
    rng = np.random.default_rng(0)
    for track in ("AM Contra - Heart", "Zeno - Signs v1.2"):
        folder = tmp_path / "musdb" / "test" / track
        folder.mkdir(parents=True)
        stems = {
            name: band_limited(gain * rng.standard_normal((2, SECONDS * RATE)))
            for name, gain in (("vocals", 0.1), ("drums", 0.08), ("bass", 0.05), ("other", 0.02))
        }
        stems["vocals"][1] = stems["vocals"][0]
        if track.startswith("Zeno"):
            stems["vocals"][:, RATE : 2 * RATE] = 0
        for name, wave in stems.items():
            audio.write(folder / f"{name}.wav", wave, RATE)
        audio.write(folder / "mixture.wav", sum(stems.values()), RATE)
    return tmp_path / "musdb"


def test_scores_are_musevals_own_on_the_same_files(tree: Path) -> None:
    """With the shipped separator: masks that change over time leave artefacts to measure."""
    for track in sorted((tree / "test").iterdir()):
        out = ["-i", "vocals", "-o", f"stems/{track.name}"]
        assert cli.main(["separate", str(track / "mixture.wav"), "--residual", *out]) == 0
    arguments = ["evaluate", str(tree), "-i", "vocals", "--bsseval", "separator", "-o", "out"]
    assert cli.main(arguments) == 0

    database = musdb.DB(root=str(tree), is_wav=True)
    theirs = museval.EvalStore()
    assert len(database.tracks) == 2
    for track in database.tracks:
        folder = Path("stems") / track.name / "mixture"
        estimates = {
            target: audio.read(folder / f"{name}.wav")[0].T
            for target, name in (("vocals", "vocals"), ("accompaniment", "residual"))
        }
        scores = museval.eval_mus_track(track, estimates)
        theirs.add_track(scores)
        ours = json.loads(Path(f"out/museval/separator/test/{track.name}.json").read_text())
        assert ours["museval_version"] == scores.scores["museval_version"]
        pairs = zip(ours["targets"], scores.scores["targets"], strict=True)
        for mine, other in pairs:
            assert mine["name"] == other["name"]
            assert len(mine["frames"]) == len(other["frames"]) == SECONDS
            for a, b in zip(mine["frames"], other["frames"], strict=True):
                assert (a["time"], a["duration"]) == (b["time"], b["duration"])
                for metric in METRICS:
                    expected = float(b["metrics"][metric])
                    assert a["metrics"][metric] == pytest.approx(expected, abs=1e-3, nan_ok=True)

    data = json.loads(Path("out/scores.json").read_text())["bsseval"]["separator"]
    medians = theirs.agg_frames_tracks_scores()
    for source in ("vocals", "accompaniment"):
        for metric in METRICS:
            assert data[source][metric.lower()] == pytest.approx(medians[source][metric], abs=1e-3)

    read = museval.MethodStore()
    read.add_eval_dir("out/museval/separator")
    assert set(read.df.track) == {track.name for track in database.tracks}
    assert set(read.df.method) == {"separator"}
    assert read.agg_frames_tracks_scores()["separator", "vocals", "SDR"] == pytest.approx(
        data["vocals"]["sdr"], abs=1e-9
    )


def test_frames_in_which_a_source_rests_have_no_score(tree: Path) -> None:
    wave = {p.stem: audio.read(p)[0] for p in (tree / "test" / "Zeno - Signs v1.2").glob("*.wav")}
    rest = wave["mixture"] - wave["vocals"]
    found = bsseval.bss_eval(
        "t",
        RATE,
        {"vocals": wave["vocals"], "accompaniment": rest},
        {"vocals": 0.9 * wave["vocals"] + 0.1 * rest, "accompaniment": rest},
    )
    vocals = json.loads(found.json)["targets"][0]["frames"]
    values = [frame["metrics"]["SDR"] for frame in vocals]
    assert [np.isnan(value) for value in values] == [False, True, False]
    median = found.medians["vocals"]["sdr"]
    assert median == pytest.approx((values[0] + values[2]) / 2)


def test_baselines_too_and_one_stem_left_keeps_its_name(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tree / "test").glob("*/*.wav"):
        if path.stem in ("drums", "bass", "mixture"):
            path.unlink()
    arguments = [
        "evaluate",
        str(tree / "test"),
        "--checkpoint",
        "model.safetensors",
        "--limit",
        "1",
    ]
    assert cli.main([*arguments, "--bsseval", "all", "-o", "out"]) == 0
    assert "BSSEval v4" in capsys.readouterr().out
    data = json.loads(Path("out/scores.json").read_text())["bsseval"]
    assert set(data) == {"separator", "oracle", "mixture"}
    for found in data.values():
        assert set(found) == {"vocals", "other"}
    assert data["oracle"]["other"]["sdr"] > data["mixture"]["other"]["sdr"] + 3
    (row,) = [
        row
        for row in json.loads(Path("out/scores.json").read_text())["rows"]
        if row["method"] == "mixture"
    ]
    # on steady noise, BSSEval's SDR of a frame is nearly that of the whole
    assert data["mixture"]["vocals"]["sdr"] == pytest.approx(row["sdr"], abs=0.2)


def test_a_silent_estimate_is_left_out_and_told(tree: Path) -> None:
    saved(Path("model.safetensors"), DIM, vocals=0.0)
    arguments = ["evaluate", str(tree), "--checkpoint", "model.safetensors", "--limit", "1"]
    assert cli.main([*arguments, "--bsseval", "separator", "-o", "out"]) == 0
    data = json.loads(Path("out/scores.json").read_text())
    assert data["bsseval"] == {}
    (notes,) = data["notes"].values()
    assert "vocals" in notes[0]
    assert "two sources" in notes[1]


def test_the_sides_of_the_split_are_its_folders(tree: Path) -> None:
    (tree / "train").mkdir()
    (tree / "test" / "AM Contra - Heart").rename(tree / "train" / "AM Contra - Heart")
    arguments = ["evaluate", str(tree), "--checkpoint", "model.safetensors", "-o", "out"]
    assert cli.main([*arguments, "--split", "test"]) == 0
    rows = json.loads(Path("out/scores.json").read_text())["rows"]
    assert {row["track"] for row in rows} == {"Zeno - Signs v1.2"}


def test_what_museval_refuses_is_the_fault_of_the_track() -> None:
    wave = np.ones((2, 100), np.float32)
    with pytest.raises(DataError, match=r"'t'.*silent"):
        bsseval.bss_eval("t", RATE, {"a": wave, "b": 0 * wave}, {"a": wave, "b": wave})


def test_other_systems_are_measured_as_museval_does(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against `eval_mus_track` with what accompanies left to the mixture, and with their own."""
    rng = np.random.default_rng(1)
    database = musdb.DB(root=str(tree), is_wav=True)
    stems: dict[str, dict[str, np.ndarray]] = {}
    for track in database.tracks:
        true = {path.stem: audio.read(path)[0] for path in (tree / "test" / track.name).iterdir()}
        rest = true["mixture"] - true["vocals"]
        noise = 0.01 * rng.standard_normal(rest.shape)
        stems[track.name] = {"vocals": (0.9 * true["vocals"] + 0.2 * rest + noise)}
        for name, wave in stems[track.name].items():
            path = Path("theirs/test") / track.name / f"{name}.wav"
            path.parent.mkdir(parents=True)
            audio.write(path, wave.astype(np.float32), RATE)
    systems = ["--estimates", "theirs", "--checkpoint", "model.safetensors"]
    arguments = ["evaluate", str(tree), "-i", "vocals", "--bsseval", "separator", *systems]
    assert cli.main([*arguments, "-o", "out", "--report", "scores.html"]) == 0
    assert "theirs" in capsys.readouterr().out.split("BSSEval v4")[1]
    assert "theirs" in Path("scores.html").read_text().split("BSSEval v4")[1]

    store = museval.EvalStore()
    for track in database.tracks:
        vocals = stems[track.name]["vocals"].T
        rest = track.audio - vocals
        scores = museval.eval_mus_track(track, {"vocals": vocals, "accompaniment": rest})
        store.add_track(scores)
        ours = json.loads(Path(f"out/museval/theirs/test/{track.name}.json").read_text())
        assert {target["name"] for target in ours["targets"]} == {"vocals", "accompaniment"}
    expected = store.agg_frames_tracks_scores()
    found = json.loads(Path("out/scores.json").read_text())["bsseval"]["theirs"]
    for source in ("vocals", "accompaniment"):
        for metric in METRICS:
            assert found[source][metric.lower()] == pytest.approx(
                expected[source][metric], abs=2e-2
            )


def test_a_system_has_its_own_stem_of_what_accompanies(tree: Path) -> None:
    track = "AM Contra - Heart"
    for path in (tree / "test").glob("*/*.wav"):
        if path.stem in ("drums", "bass", "mixture"):
            path.unlink()
    rng = np.random.default_rng(2)
    true = {path.stem: audio.read(path)[0] for path in (tree / "test" / track).iterdir()}
    made = {name: (wave + 0.02 * rng.standard_normal(wave.shape)) for name, wave in true.items()}
    for name, wave in made.items():
        path = Path("theirs") / track / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, wave.astype(np.float32), RATE)
    arguments = ["evaluate", str(tree / "test"), "-i", "vocals", "--limit", "1", "-o", "out"]
    systems = ["--estimates", "theirs", "--checkpoint", "model.safetensors"]
    assert cli.main([*arguments, *systems, "--bsseval", "separator"]) == 0
    found = json.loads(Path("out/scores.json").read_text())["bsseval"]["theirs"]
    assert set(found) == {"vocals", "other"}
    references = {name: bsseval.in_16_bits(wave) for name, wave in true.items()}
    expected = bsseval.bss_eval(track, RATE, references, made)
    assert found["other"]["sdr"] == pytest.approx(expected.medians["other"]["sdr"], abs=1e-2)


@pytest.mark.parametrize("name", ["..", "a/b", ""])
def test_a_systems_name_cannot_leave_the_folder(
    name: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(tree), "--estimates", f"{name}={tree}"]) == 1
    assert f"cannot be called '{name}'" in capsys.readouterr().err
