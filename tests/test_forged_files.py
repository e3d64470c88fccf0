"""Files of weights, tones and states that somebody has altered: one error of ours, at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from timbresep.condition import tone_store as table_file
from timbresep.condition.tone_table import ToneTable
from timbresep.ddsp import prepared
from timbresep.ddsp import training as voice
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.model import FORMAT, DdspModel
from timbresep.errors import CheckpointError, DataError, PluginError
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.running.optimizer_state import KEY
from timbresep.training.state import Position, RunState

TINY = DecoderConfig(rnn_channels=4, channels=4, n_harmonics=5, n_noise=9, reverb_length=16)

Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]


def alter(path: Path, key: str, change: Change) -> None:
    """Change the JSON under `key` and the tensors of a safetensors file."""
    with safe_open(path, framework="pt") as file:
        header = json.loads((file.metadata() or {}).get(key, "{}"))
    tensors = load_file(path)
    text = change(header, tensors)
    save_file(tensors, path, {key: text if isinstance(text, str) else json.dumps(header)})


def put(*keys: str, value: object) -> Change:
    def change(header: dict[str, Any], _: dict[str, torch.Tensor]) -> None:
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = value

    return change


def tensor(name: str, value: torch.Tensor | None) -> Change:
    def change(_: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        tensors.pop(name, None)
        if value is not None:
            tensors[name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda *_: "[" * 100_000,
        lambda *_: "[]",
        put("config", "rnn_channels", value="x"),
        put("config", "rnn_channels", value=10**7),
        put("config", "rnn_channels", value=-1),
        put("config", "rnn_channels", value=10**30),
        put("config", "channels", value=True),
        put("config", "layers_per_stack", value=100_000),
        put("config", "reverb_length", value=10**10),
        put("config", "n_harmonics", value=1e9),
        put("config", "frame_rate", value=0),
        put("config", "frame_rate", value=16_000),
        put("config", "sample_rate", value=2**40),
        put("config", value=[]),
        put("heard", value=None),
        put("heard", "loudness_db", value=[0, 0, float("nan")]),
        put("heard", "loudness_db", value=[0, -10, -20]),
        put("heard", "loudness_db", value=[10**400, 0, 0]),
        put("heard", "f0_hz", value=[1e-300, 1e300]),
        put("heard", "f0_hz", value="ab"),
        tensor("decoder.dense_out.bias", torch.full((15,), torch.nan)),
        tensor("decoder.dense_out.bias", torch.full((15,), 1e300, dtype=torch.float64)),
        tensor("decoder.dense_out.bias", torch.zeros(15, dtype=torch.int64)),
        tensor("decoder.dense_out.bias", None),
        tensor("another", torch.zeros(0, 2**40)),
    ],
)
def test_a_forged_voice_is_refused(tmp_path: Path, change: Change) -> None:
    path = tmp_path / "ddsp.safetensors"
    DdspModel(TINY).save(path, {})
    assert DdspModel.load(path).config == TINY
    alter(path, FORMAT, change)
    with pytest.raises(CheckpointError, match=r"ddsp\.safetensors"):
        DdspModel.load(path)


def solos(path: Path) -> Path:
    """Two prepared recordings of a second each."""
    frames = 500
    tensors = {
        "audio": torch.zeros(frames * prepared.HOP, dtype=torch.int16),
        "ends": torch.tensor([250, 500]),
        **{name: torch.zeros(frames) for name in prepared.FEATURES},
    }
    header = {"version": prepared.VERSION, "f0_range": None, "files": ["a.wav", "b.wav"]}
    save_file(tensors, path, {prepared.FORMAT: json.dumps(header)})
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda *_: "[" * 100_000,
        put("version", value="2"),
        put("files", value=["a.wav"]),
        put("files", value=[1, 2]),
        put("f0_range", value=[1]),
        tensor("ends", None),
        tensor("ends", torch.tensor([500, 250])),
        tensor("ends", torch.tensor([250, 501])),
        tensor("ends", torch.zeros(0, dtype=torch.int64)),
        tensor("f0_hz", torch.zeros(499)),
        tensor("loudness_db", torch.full((500,), torch.inf)),
        tensor("audio", torch.zeros(500 * prepared.HOP)),
        tensor("more", torch.zeros(1)),
    ],
)
def test_forged_solos_are_refused(tmp_path: Path, change: Change) -> None:
    path = solos(tmp_path / "solos.safetensors")
    assert prepared.load(path).frames == 500
    alter(path, prepared.FORMAT, change)
    with pytest.raises(DataError, match=r"solos\.safetensors"):
        prepared.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda *_: "[" * 100_000,
        put("names", value=None),
        put("names", value=[{}]),
        put("names", value=["ghost"]),
        tensor("one/levels", torch.zeros(0)),
        tensor("one/levels", torch.tensor([-20.0, -30.0])),
        tensor("one/pitches", torch.tensor([60.0, 60.0])),
        tensor("one/pitches", torch.tensor([60.0, torch.nan])),
        tensor("one/pitches", torch.zeros(2, dtype=torch.bfloat16)),
        tensor("one/distributions", torch.zeros(2, 2)),
        tensor("one/distributions", torch.full((2, 2, 5), 9.0)),
        tensor("one/distributions", torch.zeros(2, 2, 0)),
        tensor("one/noise", torch.full((2, 2, 16), -1.0)),
        tensor("one/noise", torch.zeros(2, 2, 15)),
        tensor("one/noise", torch.zeros((1,) * 100)),
    ],
)
def test_forged_tones_are_refused(tmp_path: Path, change: Change) -> None:
    path = tmp_path / "extras.safetensors"
    shares = np.full((2, 2, 5), 0.2, np.float32)
    notes, levels = np.array([60, 62], np.float32), np.array([-30, -20], np.float32)
    table = ToneTable(notes, levels, shares, np.zeros((2, 2, 16), np.float32))
    table_file.write(path, {"one": table})
    assert table_file.read(path, table_file.names(path)[0]).pitches.tolist() == [60, 62]
    alter(path, table_file.FORMAT, change)
    with pytest.raises(DataError, match="not a whole file of tone tables"):
        table_file.read(path, table_file.names(path)[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda *_: "[" * 100_000,
        put("progress", value=None),
        put("progress", "step", value="many"),
        put("progress", "step", value=-1),
        put("progress", "minutes", value=float("nan")),
        put("identity", value=3),
        tensor("optimizer.exp_avg.bias", torch.zeros(3)),
        tensor("optimizer.exp_avg.bias", None),
        tensor("optimizer.step.bias", torch.zeros(2)),
        tensor("optimizer.step.bias", torch.tensor(1e30)),
        tensor("optimizer.exp_avg.bias", torch.full((2,), torch.nan)),
        tensor("optimizer.exp_avg_sq.bias", torch.full((2,), -1.0)),
        tensor("optimizer.more.bias", torch.zeros(2)),
        tensor("average.bias", torch.zeros(3)),
        tensor("model.bias", torch.zeros(2, dtype=torch.int64)),
    ],
)
def test_a_forged_state_of_a_run_is_refused(tmp_path: Path, change: Change) -> None:
    path = tmp_path / "resume.safetensors"
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = RunState(model, model, optimizer, {"a": 1})
    state.save(path, Position(1, 0.5, 2.0))
    assert state.load(path).step == 1
    alter(path, KEY, change)
    with pytest.raises(CheckpointError, match=r"resume\.safetensors"):
        state.load(path)


@pytest.mark.parametrize(
    "change",
    [
        put("progress", value=None),
        put("progress", "steps", value=[1, 2]),
        put("progress", "steps", value=-1),
        put("progress", "steps", value=float("nan")),
        put("progress", "seconds", value=float("inf")),
        put("progress", "losses", value=["many"]),
        tensor("model.bias", torch.zeros(3)),
        tensor("optimizer.exp_avg.bias", torch.zeros(3)),
        tensor("optimizer.exp_avg.bias", None),
        tensor("optimizer.step.bias", torch.zeros(2)),
        tensor("optimizer.step.bias", torch.tensor(torch.inf)),
    ],
)
def test_a_forged_state_of_a_voice_is_refused(tmp_path: Path, change: Change) -> None:
    path = tmp_path / "state.safetensors"
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    voice.Position(1, 0.5, [1.0]).save(path, model, optimizer)
    assert voice.Position.load(path, model, optimizer) == voice.Position.read(path)
    alter(path, KEY, change)
    with pytest.raises(CheckpointError, match=r"state\.safetensors"):
        voice.Position.load(path, model, optimizer)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "3", "{}", '{"notes": 3}', '{"notes": [1' + "0" * 400 + "]}", "\x00"]
)
def test_a_condition_that_does_not_say_how_it_was_measured_is_refused(
    tmp_path: Path, text: str
) -> None:
    folder = tmp_path / "flute"
    shutil.copytree(Registry.load().instruments(["flute"])[0].folder, folder)
    (folder / "condition.json").write_text(text)
    with pytest.raises(PluginError, match=r"condition\.json"):
        Instrument.from_folder(folder, "some").condition()
