"""A plugin gets its voice: training, interruption, card, resynthesis, and bad recordings."""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import cli
from disks import full_disk
from timbresep.ddsp import prepared
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.resynthesis import play
from timbresep.ddsp.training import SIZES, Position
from timbresep.files import claim
from timbresep.voice import training as voice
from timbresep.voice.card import BEGIN, END, merge
from timbresep.voice.solos import recordings

RATE = 16_000
QUICK = ["--size", "tiny", "--batch", "2", "--seconds", "0.5"]


def describe(folder: Path, f0_range: str = "[100.0, 1000.0]", name: str = "whistle") -> Path:
    """An instrument's folder, with its description and a small model to train."""
    folder.mkdir(parents=True)
    (folder / "instrument.yaml").write_text(
        f"name: {name}\nf0_range: {f0_range}\n"
        f"ddsp: {{rnn_channels: 8, channels: 8, n_harmonics: 12}}\n"
        "licences: {weights: MIT, data: [CC0]}\n"
    )
    (folder / "recipe.yaml").write_text(
        "use: [mine]\nvoice: {range: [50, 80]}\n"
        "sources: {mine: {kind: stems, root: tracks, licence: CC0}}\n"
    )
    return folder


def tone(hz: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    numbers = [k for k in range(1, 8) if k * hz < 0.45 * rate]
    wave = sum(np.sin(2 * np.pi * hz * k * time + k) / k**2 for k in numbers)
    return 0.25 * wave * np.minimum(1, 20 * (seconds - time)) * np.exp(-time)


def melody(path: Path, *notes: float, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.concatenate([tone(hz, rate=rate) for hz in notes]), rate, "PCM_16")
    return path


def strokes(path: Path, seconds: float = 4.0, seed: int = 0) -> Path:
    """Bursts of noise that die away within 0.1 s, every half second, each of another strength."""
    rng = np.random.default_rng(seed)
    wave = np.zeros(round(seconds * RATE))
    for start in range(0, len(wave) - 3000, RATE // 2):
        burst = rng.normal(0, 1, 3000) * np.exp(-np.arange(3000) / 400)
        wave[start : start + 3000] += rng.uniform(0.02, 0.2) * burst
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(wave, -0.99, 0.99), RATE, "PCM_16")
    return path


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    return describe(tmp_path / "whistle")


@pytest.fixture
def solos(tmp_path: Path) -> Path:
    melody(tmp_path / "solos" / "a.wav", 220, 330, 440)
    melody(tmp_path / "solos" / "b.wav", 275, 247)
    melody(tmp_path / "solos" / "c.wav", 495, 660, rate=44_100)
    (tmp_path / "solos" / ".a-0123abcd-abcdefgh.part.wav").write_bytes(b"half")
    return tmp_path / "solos"


def train(*more: str) -> int:
    given = ["ddsp", "train", "--plugin", "whistle", "--solos", "solos", "--steps", "4"]
    return cli.main([*given, *QUICK, *more])


def the_error(said: str) -> str:
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in said
    return line


def test_a_voice_is_trained_measured_and_described(
    plugin: Path, solos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del solos
    (plugin / "README.md").write_text("# whistle\n\nBy hand.\n")
    assert train("--reverb", "0.1", "--report", "train.html") == 0
    page = Path("train.html").read_text()
    assert "whistle: solos that were held out" in page
    assert "its spectral loss" in page
    said = capsys.readouterr().out
    assert "held out (b.wav)" in said
    model = DdspModel.load(plugin / "ddsp.safetensors")
    assert (model.config.rnn_channels, model.config.reverb_length) == (32, 1600)
    card = (plugin / "README.md").read_text()
    assert card.startswith("# whistle\n\nBy hand.\n")
    assert "| held out of training | b.wav |" in card
    assert "4 steps of 2 × 0.5 s" in card
    assert "CC0" in card
    picture = (plugin / "resynthesis.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 80_000
    logged = [path for path in Path("runs/ddsp-whistle").iterdir() if "tfevents" in path.name]
    data = b"".join(path.read_bytes() for path in logged)
    for tag in (b"loss/train", b"loss/held_out", b"resynthesis", b"original"):
        assert tag in data

    assert train() == 1
    assert "--overwrite" in the_error(capsys.readouterr().err)
    assert train("--overwrite", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"report", "likeness", "run"}
    assert told["report"]["steps"] == 4
    assert told["likeness"]["loss"] > 0
    again = (plugin / "README.md").read_text()
    assert again.startswith("# whistle\n\nBy hand.\n")
    assert again.count(BEGIN) == again.count(END) == 1


def test_words_around_the_generated_part_are_kept() -> None:
    assert merge("above\n", "one") == f"above\n\n{BEGIN}\none\n{END}\n"
    assert merge(f"above\n{BEGIN}\none\n{END}\nbelow\n", "two") == (
        f"above\n{BEGIN}\ntwo\n{END}\nbelow\n"
    )


def test_an_interrupted_run_goes_on_exactly(
    plugin: Path, solos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = voice.TrainSettings(config=SIZES["tiny"], steps=6, batch=2, seconds=0.5)

    def weights(**options: object) -> dict[str, torch.Tensor]:
        voice.train_voice(plugin, solos, settings, report=lambda *_: None, **options)  # type: ignore[arg-type]
        return DdspModel.load(plugin / "ddsp.safetensors").state_dict()

    whole = weights()
    original = voice.train

    def cut_short(*arguments: object, **options: object) -> object:
        def stop(step: int, steps: int, loss: float) -> None:
            if step == 3:
                raise KeyboardInterrupt

        upkeep = dataclasses.replace(options.pop("upkeep"), on_step=stop, every=2)  # type: ignore[type-var]
        return original(*arguments, upkeep=upkeep, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(voice, "train", cut_short)
    with pytest.raises(KeyboardInterrupt):
        weights(overwrite=True)
    monkeypatch.setattr(voice, "train", original)

    assert cli.main(["ddsp", "train", "--plugin", "whistle", "--solos", "solos", "--resume"]) == 1
    assert "steps was 6, not 3000" in the_error(capsys.readouterr().err)
    (plugin / "ddsp.safetensors").unlink()
    assert train() == 1
    assert "--resume to go on" in the_error(capsys.readouterr().err)
    resumed = weights(resume=True)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert train("--resume", "--out", "runs/other") == 1
    assert "no run to go on with" in the_error(capsys.readouterr().err)


def test_a_signal_waits_for_the_end_of_a_step(
    plugin: Path, solos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del solos
    assert train() == 0
    whole = DdspModel.load(plugin / "ddsp.safetensors").state_dict()
    before = (plugin / "ddsp.safetensors").read_bytes()
    capsys.readouterr()
    run, move, calls = Path("runs/ddsp-whistle"), torch.optim.Adam.step, []

    def interrupted(*given: object) -> object:
        calls.append(given)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGTERM)  # the gradients are there, the weights unmoved
        return move(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", interrupted)
        patch.setattr("sys.argv", ["cli.py", "ddsp", "train", "--plugin", "whistle"])
        assert train("--overwrite") == 130
    told = the_error(capsys.readouterr().err)
    assert told.startswith(f"error: interrupted, the run is kept in {run} — go on with: python cli")
    assert told.endswith(f"ddsp train --plugin whistle --out {run} --resume")
    assert Position.read(run / "state.safetensors").steps == 3
    assert (plugin / "ddsp.safetensors").read_bytes() == before
    with claim(run):
        assert train("--resume") == 1
    assert "at work in another run" in the_error(capsys.readouterr().err)
    assert train("--resume") == 0
    resumed = DdspModel.load(plugin / "ddsp.safetensors").state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not list(run.glob(".*"))


@pytest.mark.parametrize("size", [50, 3000, 30_000])
def test_a_full_disk_is_one_error(
    plugin: Path, solos: Path, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    prepared.prepare(recordings(solos), (100.0, 1000.0), Path("cache/solos/whistle.safetensors"))
    (plugin / "ddsp.safetensors").write_text("old")
    with full_disk(size):
        assert train("--overwrite") == 1
    assert "cannot write runs/ddsp-whistle" in the_error(capsys.readouterr().err)
    assert (plugin / "ddsp.safetensors").read_text() == "old"


def test_a_drum_has_a_voice_of_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    describe(tmp_path / "whistle", "null")
    for seed, name in enumerate("ab"):
        strokes(tmp_path / "solos" / f"{name}.wav", seed=seed)
    ready = prepared.prepare(recordings(tmp_path / "solos"), None, tmp_path / "ready")
    data = prepared.load(ready)
    assert not data.pitched
    assert (data.f0_hz == 0).all()
    assert len(data.windows(125)) > 60

    given = ["ddsp", "train", "--plugin", "whistle", "--solos", "solos", "--steps", "60"]
    assert cli.main([*given, *QUICK]) == 0
    assert "cents" not in capsys.readouterr().out
    model = DdspModel.load(Path("whistle/ddsp.safetensors"))
    assert model.trained_range.f0_hz == (0.0, 0.0)
    assert model.metadata["training"]["last_loss"] < model.metadata["training"]["first_loss"]
    audio = play(model, data.f0_hz[:500], data.loudness_db[:500])
    assert audio.abs().max() > 0
    zero = {name: torch.zeros_like(v) for name, v in model.state_dict().items()}
    zero["decoder.dense_out.bias"][1 + model.config.n_harmonics :] = -200.0  # no noise
    model.load_state_dict(zero)
    assert play(model, data.f0_hz[:500], data.loudness_db[:500]).abs().max() < 1e-6
    assert cli.main(["ddsp", "resynth", "solos/a.wav", "--plugin", "whistle", "-o", "a.wav"]) == 0
    assert soundfile.info("a.wav").duration == pytest.approx(4.0, abs=0.01)


def test_a_recording_is_played_again_transposed_and_nothing_replaced(
    plugin: Path, solos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del plugin, solos
    assert train() == 0
    model = DdspModel.load(Path("whistle/ddsp.safetensors"))
    weights = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    weights["decoder.dense_out.bias"][1 + model.config.n_harmonics :] = -20.0  # hardly any noise
    model.load_state_dict(weights)
    model.save(Path("whistle/ddsp.safetensors"), {})
    given = ["ddsp", "resynth", "solos/a.wav", "--plugin", "whistle", "-o", "out.wav"]
    page = ["--report", "voice.html", "--figures", "figures"]
    assert cli.main([*given, "--transpose", "12", "--no-reverb", *page]) == 0
    assert "the voice of whistle" in Path("voice.html").read_text()
    assert Path("figures/harmonics.png").is_file()
    wave, rate = soundfile.read("out.wav")
    assert rate == RATE
    spectrum = np.abs(np.fft.rfft(wave[4000:12_000] * np.hanning(8000)))
    found = np.flatnonzero(spectrum > 0.3 * spectrum.max()) * 2
    cents = 1200 * np.log2(found / (440 * np.rint(found / 440)))  # 220 Hz, an octave up
    assert np.abs(cents).max() < 15
    assert found.min() < 450
    capsys.readouterr()
    assert cli.main(given) == 1
    assert "out.wav exists" in the_error(capsys.readouterr().err)


def spoil(kind: str, path: Path) -> Path:
    """A recording that cannot teach a whistle."""
    rng = np.random.default_rng(0)
    rate, wave = RATE, tone(220, 3.0)
    if kind == "silence":
        wave = np.zeros(3 * RATE)
    elif kind == "noise":
        wave = rng.normal(0, 0.1, 3 * RATE)
    elif kind == "chords":
        wave = sum(0.4 * tone(hz, 3.0) for hz in (261.6, 392.0, 466.2))
    elif kind == "drums":
        return strokes(path)
    elif kind == "clipped":
        wave = np.clip(6 * wave, -0.6, 0.6)
    elif kind == "8 kHz":
        rate, wave = 8000, tone(220, 3.0, 8000)
    elif kind == "short":
        wave = tone(220, 0.05)
    elif kind == "corrupt":
        path.write_bytes(rng.bytes(4000))
        return path
    soundfile.write(path, wave, rate, "PCM_16")
    return path


BAD = {
    "silence": "is silent",
    "noise": "has a steady pitch",
    "chords": "steady pitch|single note",
    "drums": "has a steady pitch",
    "clipped": "is clipped",
    "8 kHz": "nothing above 4 kHz",
    "short": "is too short",
    "corrupt": "not readable as audio",
}


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("kind", BAD)
def test_a_recording_that_cannot_be_used_is_named(
    kind: str, solos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even among good ones, in training and in resynthesis."""
    spoil(kind, solos / "bad.wav")
    assert train() == 1
    line = the_error(capsys.readouterr().err)
    assert "bad.wav" in line
    assert any(part in line for part in BAD[kind].split("|"))
    assert not Path("whistle/ddsp.safetensors").exists()

    DdspModel().save(Path("whistle/ddsp.safetensors"), {})
    given = ["ddsp", "resynth", "solos/bad.wav", "--plugin", "whistle", "-o", "out.wav"]
    assert cli.main(given) == 1
    assert "bad.wav" in the_error(capsys.readouterr().err)
    assert not Path("out.wav").exists()


@pytest.mark.usefixtures("plugin")
def test_without_recordings_there_is_no_voice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train() == 1
    assert "solos: no such folder" in the_error(capsys.readouterr().err)
    (tmp_path / "solos").mkdir()
    assert train() == 1
    assert "no recordings in it" in the_error(capsys.readouterr().err)
    assert cli.main(["ddsp", "train", "--plugin", "whistle"]) == 1
    assert "no 'solos' section" in the_error(capsys.readouterr().err)
    with (tmp_path / "whistle" / "recipe.yaml").open("a") as recipe:
        recipe.write("solos: {soundfonts: [{file: none.sf2, programs: [78], licence: CC0}]}\n")
    assert cli.main(["ddsp", "train", "--plugin", "whistle"]) == 1
    line = the_error(capsys.readouterr().err)
    assert "none.sf2 not found" in line
    assert "--solos" in line
    melody(tmp_path / "solos" / "a.wav", 220)
    assert train("--seconds", "3") == 1
    assert "the longest solo lasts 1.0 s" in the_error(capsys.readouterr().err)


@pytest.mark.usefixtures("plugin", "solos")
def test_the_only_recording_is_said_to_be_the_only_one(
    solos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "bc":
        (solos / f"{name}.wav").unlink()
    melody(solos / "a.wav", *(220, 330, 440, 275, 247) * 3)
    assert train() == 0
    assert "the last tenth of a.wav, the only recording" in capsys.readouterr().out
    kept = json.loads(Path("runs/ddsp-whistle/settings.json").read_text())
    assert kept["model"] == dataclasses.asdict(SIZES["tiny"])
