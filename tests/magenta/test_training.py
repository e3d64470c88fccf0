"""A voice trained by Magenta's own trainer: tfrecords, gin, checkpoints, import, resume."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from timbresep.ddsp import prepared
from timbresep.ddsp.magenta import checkpoint, records, training
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.passages import Passages
from timbresep.ddsp.training import SIZES, TrainSettings
from timbresep.errors import CheckpointError, OutputExistsError, TrainingError

RANGE = (150.0, 700.0)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of four synthesised notes, 4.8 s each."""
    folder = tmp_path_factory.mktemp("solos")
    time = np.arange(16_000) / 16_000
    for name, notes in {"a": (220, 330, 440, 550), "b": (275, 495, 660, 247)}.items():
        parts = []
        for hz in notes:
            wave = sum(np.sin(2 * np.pi * hz * k * time) / k**2 for k in range(1, 8))
            parts += [0.3 * wave * np.exp(-2 * time), np.zeros(3_200)]
        soundfile.write(folder / f"{name}.wav", np.concatenate(parts), 16_000)
    files = sorted(folder.glob("*.wav"))
    return prepared.prepare(files, RANGE, folder / "solos.safetensors")


def test_two_steps_then_one_more(ready: Path, tmp_path: Path) -> None:
    out, work = tmp_path / "ddsp.safetensors", tmp_path / "work"
    seen: list[tuple[int, int, float]] = []
    settings = TrainSettings(config=SIZES["tiny"], steps=2, batch=2, seconds=1)
    report = training.train(
        ready,
        out,
        work,
        settings,
        metadata={"licence": "CC0"},
        on_step=lambda *step: seen.append(step),
    )
    assert [step[:2] for step in seen] == [(1, 2), (2, 2)]
    assert report.steps == 2
    assert report.first_loss == pytest.approx(np.mean([loss for _, _, loss in seen]), abs=1e-3)
    assert 1 < report.valid_loss < 100
    model = DdspModel.load(out)
    assert model.config == SIZES["tiny"]
    assert 200 < model.trained_range.f0_hz[0] < 300
    assert model.metadata["licence"] == "CC0"
    assert model.metadata["training"]["engine"] == "magenta"
    assert model.metadata["magenta"]["step"] == 2
    assert model.metadata["magenta"]["ddsp"] == "3.7.0"
    trained = checkpoint.read(work)[0]
    for name, value in trained.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])
    with torch.no_grad():
        played = model(torch.full((1, 250), 330.0), torch.full((1, 250), -30.0))
    assert torch.isfinite(played).all()
    assert played.abs().max() > 1e-4

    with pytest.raises(OutputExistsError, match="--resume"):
        training.train(ready, out, work, replace(settings, steps=3))
    other = replace(settings, steps=3, config=SIZES["small"])
    with pytest.raises(CheckpointError, match="another size"):
        training.train(ready, out, work, other, resume=True)

    short = replace(settings, steps=9, minutes=1e-6)  # it stops after a step, as time is up
    again = training.train(ready, out, work, short, resume=True)
    assert again.steps == 3
    assert checkpoint.latest(work).name == "ckpt-3"
    assert any((work / "summaries" / "train").iterdir())


def test_ddsp_reads_our_features_back(ready: Path, tmp_path: Path) -> None:
    from ddsp.training.data import TFRecordProvider

    data = prepared.load(ready)
    passages = Passages(data, 250, torch.device("cpu"))
    count = records.write(data, passages, tmp_path, 250, seed=0)
    provider = TFRecordProvider(f"{tmp_path}/solos-*.tfrecord", example_secs=1)
    read = list(provider.get_batch(1, shuffle=False, repeats=1).as_numpy_iterator())
    assert len(read) == count > 2
    ours = passages.batch(passages.train)
    for example in read:
        found = (ours.audio - torch.from_numpy(example["audio"])).abs().amax(dim=1).argmin()
        assert np.array_equal(example["audio"][0], ours.audio[found].numpy())
        assert np.array_equal(example["f0_hz"][0], ours.f0_hz[found].numpy())
        assert np.array_equal(example["loudness_db"][0], ours.loudness_db[found].numpy())


def test_only_a_run_that_is_there_can_be_resumed(ready: Path, tmp_path: Path) -> None:
    settings = TrainSettings(config=SIZES["tiny"], steps=1)
    with pytest.raises(TrainingError, match="no run to go on with"):
        training.train(ready, tmp_path / "m", tmp_path / "work", settings, resume=True)
    assert not (tmp_path / "work").exists()


def test_passages_of_broken_seconds_are_refused(ready: Path, tmp_path: Path) -> None:
    settings = TrainSettings(config=SIZES["tiny"], steps=1, seconds=1.5)
    with pytest.raises(TrainingError, match="whole seconds"):
        training.train(ready, tmp_path / "m", tmp_path / "work", settings)


def test_torch_training_does_not_import_tensorflow(ready: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "horn"
    plugin.mkdir()
    (plugin / "instrument.yaml").write_text(
        "name: horn\nf0_range: [150.0, 700.0]\nlicences: {weights: MIT, data: [CC0]}\n"
    )
    command = ["ddsp", "train", "--plugin", plugin, "--solos", ready.parent, "--steps", "2"]
    command += ["--size", "tiny", "--batch", "2", "--seconds", "0.5", "--out", tmp_path / "run"]
    run_without_tensorflow(command)
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))


def test_training_a_separator_does_not_import_tensorflow(tmp_path: Path) -> None:
    command = ["train", "--plugin", "violin", "--max-steps", "1", "--out", tmp_path / "run"]
    small = ["width=16", "hidden=8", "layers=1", "bands=60"]
    run_without_tensorflow([*command, *(word for pair in small for word in ("--set", pair))])
    assert list((tmp_path / "run").glob("**/events.out.tfevents.*"))


def run_without_tensorflow(command: list[str | Path]) -> None:
    """Run our command line in a process of its own; an error if that imports TensorFlow."""
    code = (
        "import sys, cli\n"
        "failed = cli.main()\n"
        "sys.exit('TensorFlow was imported' if 'tensorflow' in sys.modules else failed)"
    )
    subprocess.run([sys.executable, "-c", code, *map(str, command)], check=True)
