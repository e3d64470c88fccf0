"""Files of weights: separators, transcribers, source models, voices, tones, states of runs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save, save_file

from benchmarks.fuzzing import mutations
from benchmarks.fuzzing.target import Target, of_file
from timbresep import checkpoint
from timbresep.adaptation import adapted_network
from timbresep.checkpoint import Metadata
from timbresep.condition import tone_store as table_file
from timbresep.condition import vector as conditioner
from timbresep.condition.tone_table import ToneTable, tones_of_model
from timbresep.config import ROOT, load_json
from timbresep.ddsp import prepared
from timbresep.ddsp import training as voice_training
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.model import DdspModel, TrainedRange
from timbresep.formats.npy import read_vector
from timbresep.instrument import MeasuredCondition
from timbresep.registry.registry import Registry
from timbresep.source_model import SourceModel, load_weights
from timbresep.training.state import Position, RunState

SMALL = {
    "rnn_mask": {"n_fft": 256, "hop": 128, "bands": 20, "width": 6, "hidden": 4, "layers": 1},
    "unet_mask": {"n_fft": 256, "hop": 128, "width": 3, "hidden": 4, "embedding": 4},
    "note_net": {"width": 4, "blocks": 1, "head": 4, "head_blocks": 1, "embedding": 4},
}
VIOLIN = ROOT / "plugins/instruments/violin"


@cache
def registry() -> Registry:
    """The bundled plugins."""
    return Registry.load()


def a_checkpoint(scratch: Path, backbone: str) -> Target:
    """A separator: loaded, and asked for what its own instruments sound like in a mixture."""
    dim, names = 6, ["oboe", "tuba"]
    path, seeds = scratch / f"{backbone}.safetensors", []
    for arguments in (SMALL[backbone], {**SMALL[backbone], "embedding": 8}):
        model = registry().backbone(backbone).make(dim, arguments)
        about = Metadata(
            backbone=backbone,
            arguments=arguments,
            instruments=names,
            condition_version=1,
            sample_rate=model.sample_rate,
            channels=model.channels,
            adapted=["tuba"],
            rivals=["oboe"],
            ledger=[{"sound_source": "noise", "licence": "CC0", "minutes": 0.5}],
        )
        vectors = {name: np.zeros(dim, np.float32) for name in names}
        checkpoint.save(path, adapted_network(model, 1), vectors, about)
        seeds.append(path.read_bytes())

    def read(path: Path) -> None:
        loaded = checkpoint.load(path, registry().backbone)
        asked = [loaded.addressed(loaded.conditions[name], name) for name in loaded.conditions]
        with torch.no_grad():
            loaded.model(
                torch.zeros(1, model.channels, 3000), torch.from_numpy(np.stack(asked))[None]
            )
        loaded.jointly_masked()

    return of_file(path, seeds, mutations.tensors, read)


class _Gains(SourceModel):
    """The smallest source model."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = torch.nn.Linear(2, 4)

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        """Not called."""
        raise NotImplementedError


def a_voice(scratch: Path) -> Target:
    """A DDSP model: loaded, and its condition measured."""
    path, seeds = scratch / "ddsp.safetensors", []
    for reverb in (0, 16):
        config = DecoderConfig(4, 4, 1, n_harmonics=5, n_noise=9, reverb_length=reverb)
        DdspModel(config, TrainedRange((-40.0, -30.0, -20.0), (200.0, 400.0))).save(path, {})
        seeds.append(path.read_bytes())

    def read(path: Path) -> None:
        table = tones_of_model(path, (220.0, 300.0))
        if not np.isfinite(conditioner.condition(table)).all():
            raise ValueError("a condition that is not finite")

    return of_file(path, seeds, mutations.tensors, read)


def prepared_solos(scratch: Path) -> Target:
    """Prepared solos: loaded, and their passages found."""
    path = scratch / "solos.safetensors"
    features = {name: torch.rand(500) for name in prepared.FEATURES}
    held = {"audio": torch.zeros(500 * prepared.HOP, dtype=torch.int16)}
    held["ends"] = torch.tensor([250, 500])
    header = {"version": prepared.VERSION, "key": "x", "f0_range": [100, 200], "seconds": 2.0}
    header["files"] = ["a.wav", "b.wav"]
    save_file({**features, **held}, path, {prepared.FORMAT: json.dumps(header)})

    def read(path: Path) -> None:
        data = prepared.load(path)
        data.windows(50)
        data.held_out_names()

    return of_file(path, [path.read_bytes()], mutations.tensors, read)


def tone_tables(scratch: Path) -> Target:
    """Tables of tones: read, and conditions drawn from them."""
    path = scratch / "extras.safetensors"
    rng = np.random.default_rng(0)
    noise = np.full((3, 4, 16), 0.01, np.float32)
    shares = rng.dirichlet(np.ones(8), (3, 4)).astype(np.float32)
    levels = np.array([-40, -30, -20], np.float32)
    pitched = ToneTable(np.arange(60, 64, dtype=np.float32), levels, shares, noise)
    strokes = ToneTable(np.zeros(0, np.float32), levels, shares[:, :0], noise[:, :3])
    table_file.write(path, {"one": pitched, "two": strokes})

    def read(path: Path) -> None:
        chance = np.random.default_rng(0)
        for name in table_file.names(path):
            table = table_file.read(path, name)
            vectors = [conditioner.condition(table), conditioner.draw(table, chance)]
            if not np.isfinite(vectors).all():
                raise ValueError("a condition that is not finite")

    return of_file(path, [path.read_bytes()], mutations.tensors, read)


def _stepped(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()


def state_of_run(scratch: Path) -> Target:
    """The state of a run: loaded, and gone on from by a step."""
    path, model = scratch / "resume.safetensors", torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    _stepped(model, optimizer)
    state = RunState(model, model, optimizer, {"backbone": "rnn_mask", "seed": 0})
    state.save(path, Position(3, 0.5, 1.5))

    def read(path: Path) -> None:
        state.load(path)
        _stepped(model, optimizer)

    return of_file(path, [path.read_bytes()], mutations.tensors, read)


def state_of_voice(scratch: Path) -> Target:
    """The state of a voice's training: as `_state`."""
    path, model = scratch / "state.safetensors", torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    _stepped(model, optimizer)
    voice_training.Position(3, 0.5, [2.0, 1.0, 0.5]).save(path, model, optimizer)

    def read(path: Path) -> None:
        voice_training.Position.load(path, model, optimizer)
        _stepped(model, optimizer)

    return of_file(path, [path.read_bytes()], mutations.tensors, read)


def of_source_model(scratch: Path) -> Target:
    """The weights of a source model."""
    seeds = [save(_Gains().state_dict())]
    read = lambda path: load_weights(_Gains(), path)  # noqa: E731
    return of_file(scratch / "w.safetensors", seeds, mutations.tensors, read)


def condition_vector(scratch: Path) -> Target:
    """The condition of an instrument."""
    seeds = [(VIOLIN / "condition.npy").read_bytes()]
    return of_file(scratch / "c.npy", seeds, mutations.npy, read_vector)


def measured_condition(scratch: Path) -> Target:
    """How it was measured."""
    seeds = [(VIOLIN / "condition.json").read_bytes()]
    read = lambda path: load_json(path, MeasuredCondition)  # noqa: E731
    return of_file(scratch / "c.json", seeds, mutations.json_text, read)
