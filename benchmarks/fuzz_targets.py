"""What is fuzzed: each parser that meets outside bytes, with files to begin from.

A target's `check` is given a mutated file. It returns when the file is accepted and used, and
raises a `TimbresepError` where the program refuses it; anything else is a fault of the program.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
import yaml
from safetensors.torch import save, save_file

from benchmarks import fuzz_mutations as mutations
from timbresep import audio, checkpoint
from timbresep.adaptation import adapted_network
from timbresep.checkpoint import Metadata
from timbresep.commands.options import split_values
from timbresep.condition import tone_store as table_file
from timbresep.condition import vector as conditioner
from timbresep.condition.tone_table import ToneTable, tones_of_model
from timbresep.config import ROOT, load_json, load_yaml
from timbresep.data import recipe as recipes
from timbresep.data.extras.listed import BUNDLED, ExtraList
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.kinds import KINDS
from timbresep.data.sources.listing import list_tracks
from timbresep.data.sources.naming import Naming
from timbresep.ddsp import prepared
from timbresep.ddsp import training as voice
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.model import DdspModel, TrainedRange
from timbresep.errors import CheckpointError, DataError
from timbresep.formats.npy import read_vector
from timbresep.instrument import Instrument, MeasuredCondition
from timbresep.registry.registry import REGISTRY_FILE, Registry
from timbresep.source_model import SourceModel, load_weights
from timbresep.training.state import Position, RunState
from timbresep.training.trial import of_bounded_size

SMALL = {
    "rnn_mask": {"n_fft": 256, "hop": 128, "bands": 20, "width": 6, "hidden": 4, "layers": 1},
    "unet_mask": {"n_fft": 256, "hop": 128, "width": 3, "hidden": 4, "embedding": 4},
}
VIOLIN = ROOT / "plugins/instruments/violin"


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        seeds: whole files to begin from.
        mutate: makes another file of one.
        check: reads and uses it; errors as this module says.
    """

    seeds: list[bytes]
    mutate: mutations.Mutate
    check: Callable[[bytes], object]


def targets(scratch: Path) -> dict[str, Target]:
    """Every target by name; their files lie in an empty folder."""
    registry = Registry.load()
    return {
        "audio": _audio(scratch),
        **{f"checkpoint, {name}": _checkpoint(scratch, registry, name) for name in SMALL},
        "weights of a source model": _file(scratch / "w.safetensors", [save(_Gains().state_dict())],
                                           mutations.tensors,
                                           lambda path: load_weights(_Gains(), path)),
        "DDSP voice": _voice(scratch),
        "prepared solos": _solos(scratch),
        "tone tables": _tones(scratch),
        "condition.npy": _file(scratch / "c.npy", [(VIOLIN / "condition.npy").read_bytes()],
                               mutations.npy, read_vector),
        "condition.json": _file(scratch / "c.json", [(VIOLIN / "condition.json").read_bytes()],
                                mutations.json_text,
                                lambda path: load_json(path, MeasuredCondition)),
        "state of a run": _state(scratch),
        "state of a voice": _voice_state(scratch),
        "instrument.yaml": _plugin(scratch, "instrument.yaml"),
        "recipe.yaml": _plugin(scratch, "recipe.yaml"),
        "extras.yaml": _file(scratch / "extras.yaml", [BUNDLED.read_bytes()],
                             mutations.yaml_text, lambda path: load_yaml(path, ExtraList)),
        "registry.yaml": _registry(scratch),
        "track.yaml": _dataset(scratch, "stems", "bad/track.yaml"),
        "MedleyDB": _dataset(scratch, "medleydb", "A_Bad/A_Bad_METADATA.yaml"),
        "MoisesDB": _dataset(scratch, "moisesdb", "set/bad/data.json"),
        "Slakh": _dataset(scratch, "slakh", "Track00001/metadata.yaml"),
        "--set": _option(registry),
    }  # fmt: skip


def _file(
    path: Path, seeds: list[bytes], mutate: mutations.Mutate, read: Callable[[Path], object]
) -> Target:
    """A parser of one file."""

    def check(data: bytes) -> None:
        path.write_bytes(data)
        read(path)

    return Target(seeds, mutate, check)


def _wave(seconds: float = 0.1, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal((round(8000 * seconds), channels))).astype(np.float32)


def _audio(scratch: Path) -> Target:
    """Headers and samples, by blocks as separation reads them."""
    kinds = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16")]
    kinds += [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
    kinds += [("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16")]
    seeds = []
    for container, subtype in kinds:
        file = io.BytesIO()
        soundfile.write(file, _wave(), 8000, subtype, format=container)
        seeds.append(file.getvalue())

    def read(path: Path) -> None:
        audio.info(path)
        for _ in audio.read_blocks(path):
            pass

    return _file(scratch / "a.bin", seeds, mutations.raw, read)


def _checkpoint(scratch: Path, registry: Registry, backbone: str) -> Target:
    """A separator: loaded, and asked for what its own instruments sound like in a mixture."""
    dim, names = 6, ["oboe", "tuba"]
    path, seeds = scratch / f"{backbone}.safetensors", []
    for arguments in (SMALL[backbone], {**SMALL[backbone], "embedding": 8}):
        model = registry.backbone(backbone).make(dim, arguments)
        about = Metadata(
            backbone=backbone,
            arguments=arguments,
            instruments=names,
            condition_version=1,
            sample_rate=44_100,
            channels=2,
            adapted=["tuba"],
            rivals=["oboe"],
            ledger=[{"sound_source": "noise", "licence": "CC0", "minutes": 0.5}],
        )
        vectors = {name: np.zeros(dim, np.float32) for name in names}
        checkpoint.save(path, adapted_network(model, 1), vectors, about)
        seeds.append(path.read_bytes())

    def read(path: Path) -> None:
        loaded = checkpoint.load(path, registry.backbone)
        asked = [loaded.addressed(loaded.conditions[name], name) for name in loaded.conditions]
        with torch.no_grad():
            loaded.model(torch.zeros(1, 2, 1000), torch.from_numpy(np.stack(asked))[None])
        loaded.jointly_masked()

    return _file(path, seeds, mutations.tensors, read)


class _Gains(SourceModel):
    """The smallest source model."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = torch.nn.Linear(2, 4)

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        """Not called."""
        raise NotImplementedError


def _voice(scratch: Path) -> Target:
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

    return _file(path, seeds, mutations.tensors, read)


def _solos(scratch: Path) -> Target:
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

    return _file(path, [path.read_bytes()], mutations.tensors, read)


def _tones(scratch: Path) -> Target:
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

    return _file(path, [path.read_bytes()], mutations.tensors, read)


def _stepped(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()


def _state(scratch: Path) -> Target:
    """The state of a run: loaded, and gone on from by a step."""
    path, model = scratch / "resume.safetensors", torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    _stepped(model, optimizer)
    state = RunState(model, model, optimizer, {"backbone": "rnn_mask", "seed": 0})
    state.save(path, Position(3, 0.5, 1.5))

    def read(path: Path) -> None:
        state.load(path)
        _stepped(model, optimizer)

    return _file(path, [path.read_bytes()], mutations.tensors, read)


def _voice_state(scratch: Path) -> Target:
    """The state of a voice's training: as `_state`."""
    path, model = scratch / "state.safetensors", torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    _stepped(model, optimizer)
    voice.Position(3, 0.5, [2.0, 1.0, 0.5]).save(path, model, optimizer)

    def read(path: Path) -> None:
        voice.Position.load(path, model, optimizer)
        _stepped(model, optimizer)

    return _file(path, [path.read_bytes()], mutations.tensors, read)


def _plugin(scratch: Path, name: str) -> Target:
    """An instrument's folder in which one file is mutated."""
    folder = scratch / f"plugin-{name}" / "fuzzed"
    shutil.copytree(VIOLIN, folder)

    def read(path: Path) -> None:
        instrument = Instrument.from_folder(folder, "fuzz")
        recipe = recipes.load(instrument.recipe_file)
        _ = recipe.programs
        instrument.verify()

    return _file(folder / name, [(VIOLIN / name).read_bytes()], mutations.yaml_text, read)


def _registry(scratch: Path) -> Target:
    """The index, beside which there is no plugin."""
    seed = REGISTRY_FILE.read_bytes()
    (scratch / "index").mkdir()

    def read(path: Path) -> None:
        registry = Registry.load(registry_file=path)
        registry.rows()
        for name in registry.config.separators:
            with contextlib.suppress(CheckpointError):  # none is there
                registry.separators.get(name)

    return _file(scratch / "index" / "registry.yaml", [seed], mutations.yaml_text, read)


def _dataset(scratch: Path, kind: str, name: str) -> Target:
    """A dataset of two tracks; the metadata of one are mutated, and the other must be found."""
    root = scratch / kind
    about: dict[str, dict[str, object]] = {
        "stems": {"piece": "a", "split": "train", "licence": "CC0", "sounds": {"violin": "x"}},
        "medleydb": {
            "stems": {"S01": {"filename": "v.wav", "instrument": "violin"}},
            "stem_dir": "A_Bad_STEMS",
            "mix_filename": "A_Bad_MIX.wav",
            "has_bleed": "no",
        },
        "moisesdb": {
            "song": "S",
            "artist": "A",
            "stems": [{"stemName": "s", "tracks": [{"id": "v", "trackType": "violin"}]}],
        },
        "slakh": {"UUID": "u", "stems": {"v": {"is_drum": False, "midi_program_name": "Violin"}}},
    }
    audio_of = {"stems": "", "medleydb": "A_Bad_STEMS", "moisesdb": "s", "slakh": "stems"}[kind]
    bad = root / Path(name).parent
    good = bad.with_name({"medleydb": "B_Good", "slakh": "Track00002"}.get(kind, "good"))
    for folder in (bad, good):
        place = folder / audio_of.replace("A_Bad", folder.name)
        place.mkdir(parents=True)
        soundfile.write(place / "v.wav", _wave(), 8000)
        text = json.dumps(about[kind]).replace("A_Bad", folder.name)
        described = folder / Path(name).name.replace("A_Bad", folder.name)
        described.write_text(text if kind == "moisesdb" else yaml.safe_dump(json.loads(text)))
    seed = (root / name).read_bytes()
    mutate = mutations.json_text if kind == "moisesdb" else mutations.yaml_text

    def read(path: Path) -> None:
        found = list_tracks("fuzz", KINDS[kind], Location(root, Naming({"violin": "violin"})))
        names = [track.raw.name for track in found.tracks]
        if not any(good.name in name for name in names):
            raise ValueError("the other track is not found")
        if len(names) < 2:
            raise DataError(str(found.problems))

    return _file(root / name, [seed], mutate, read)


def _option(registry: Registry) -> Target:
    """``--set``: read, and a network built with it."""
    spec = registry.backbone("rnn_mask")
    seeds = [f"{name}={value}".encode() for name, value in SMALL["rnn_mask"].items()]

    def check(data: bytes) -> None:
        given = split_values([data.decode("utf-8", "surrogateescape")])
        with of_bounded_size():
            spec.make(6, {**SMALL["rnn_mask"], **given})

    return Target(seeds, mutations.option, check)
