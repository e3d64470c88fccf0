"""Descriptions and records: YAML, JSON, gin, and what options say."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import typer
import typer.main

from benchmarks.fuzzing import mutations
from benchmarks.fuzzing.target import Target, of_file
from benchmarks.fuzzing.weights import SMALL, VIOLIN, registry
from timbresep.commands import run_config
from timbresep.commands.options import split_values
from timbresep.config import load_json, load_yaml
from timbresep.data import recipe as recipes
from timbresep.data.extras.listed import BUNDLED, ExtraList
from timbresep.data.track import Track
from timbresep.ddsp.magenta import operative_config
from timbresep.errors import CheckpointError, TrainingError
from timbresep.evaluation.result import TrackScores
from timbresep.evaluation.store import Store
from timbresep.formats.rebuild import bounded
from timbresep.instrument import Instrument
from timbresep.registry.pretrained import Record
from timbresep.registry.registry import REGISTRY_FILE, Registry
from timbresep.separation.ledger import LEDGER, Job
from timbresep.training.trial import MOST_TENSORS


def plugin(scratch: Path, name: str) -> Target:
    """An instrument's folder in which one file is mutated."""
    folder = scratch / f"plugin-{name}" / "fuzzed"
    shutil.copytree(VIOLIN, folder)

    def read(path: Path) -> None:
        instrument = Instrument.from_folder(folder, "fuzz")
        recipe = recipes.load(instrument.recipe_file)
        _ = recipe.programs
        instrument.verify()

    return of_file(folder / name, [(VIOLIN / name).read_bytes()], mutations.yaml_text, read)


def registry_yaml(scratch: Path) -> Target:
    """The index, beside which there is no plugin."""
    seed = REGISTRY_FILE.read_bytes()
    (scratch / "index").mkdir()

    def read(path: Path) -> None:
        found = Registry.load(registry_file=path)
        found.rows()
        for name in found.config.separators:
            with contextlib.suppress(CheckpointError):  # none is there
                found.separators.get(name)

    return of_file(scratch / "index" / "registry.yaml", [seed], mutations.yaml_text, read)


def option(_: Path) -> Target:
    """``--set``: read, and a network built with it.

    Networks may have more weights than this, but to fill them takes its time.
    """
    spec = registry().backbone("rnn_mask")
    seeds = [f"{name}={value}".encode() for name, value in SMALL["rnn_mask"].items()]

    def check(data: bytes) -> None:
        given = split_values([data.decode("utf-8", "surrogateescape")])
        with bounded(MOST_TENSORS, 50_000_000, TrainingError):
            spec.make(6, {**SMALL["rnn_mask"], **given})

    return Target(seeds, mutations.option, check)


def extra_instruments(scratch: Path) -> Target:
    """The list of extra instruments."""
    read = lambda path: load_yaml(path, ExtraList)  # noqa: E731
    return of_file(scratch / "extras.yaml", [BUNDLED.read_bytes()], mutations.yaml_text, read)


def run_yaml(scratch: Path) -> Target:
    """The options of a run, as the command takes them."""

    def command(steps: int = 3, plugin: list[str] = [], rate: float = 1.0) -> None:  # noqa: B006
        """Options of three types."""

    app = typer.Typer(add_completion=False)
    app.command()(command)
    made = typer.main.get_command(app)

    def read(path: Path) -> None:
        context = typer.Context(made)
        run_config.read(context, path)  # type: ignore[arg-type]

    seed = b"steps: 3\nplugin:\n- violin\n- flute\nrate: 0.5\n"
    return of_file(scratch / "run.yaml", [seed], mutations.yaml_text, read)


def ledger(scratch: Path) -> Target:
    """What a folder says was separated into it; one that is damaged counts as none."""
    song, stem = scratch / "song.wav", scratch / "violin.flac"
    for path in (song, stem):
        path.write_bytes(b"x")
    job = Job.of(song, {"quality": "good"})
    job.remember(scratch, {stem.name: stem}, {"flute": -50.0})
    if job.done(scratch, [stem.name]) != {stem.name}:
        raise ValueError("what was done is not known")

    def read(path: Path) -> None:
        job.done(scratch, [stem.name, "other.flac"])
        job.absent(scratch)
        job.remember(scratch, {stem.name: stem})

    return of_file(scratch / LEDGER, [(scratch / LEDGER).read_bytes()], mutations.json_text, read)


def finished_track(scratch: Path) -> Target:
    """What an evaluation keeps of a track; one that is damaged is scored again."""
    stem = scratch / "violin.wav"
    stem.write_bytes(b"x")
    track = Track("a", "a", "", "", {"violin": stem}, 1, 8000, "test")
    store = Store(scratch / "out", {"separator": "universal"}, TrackScores)
    store.add(track, TrackScores(track.name), {})
    path = scratch / "out" / "tracks" / "a.json"
    if store.finished(track) is None:
        raise ValueError("what was finished is not known")
    return of_file(path, [path.read_bytes()], mutations.json_text, lambda _: store.finished(track))


def evaluation_settings(scratch: Path) -> Target:
    """What an evaluation was made with."""
    settings = {"separator": "universal", "tracks": ["a", "b"], "quality": {"tta": 1}}
    Store(scratch / "out", settings, TrackScores)
    path = scratch / "out" / "settings.json"
    seed = path.read_bytes()
    return of_file(
        path,
        [seed],
        mutations.json_text,
        lambda path: Store(path.parent, settings, TrackScores),
    )


def weights_record(scratch: Path) -> Target:
    """The record beside the weights of a source model."""
    seed = json.dumps({"sha256": "0" * 64, "size": 3, "origin": "/a/b.safetensors"}).encode()
    read = lambda path: load_json(path, Record)  # noqa: E731
    return of_file(scratch / "r.json", [seed], mutations.json_text, read)


def gin(scratch: Path) -> Target:
    """The settings that a run of Magenta's ddsp wrote: text, whose modules nobody imports."""
    seed = b"""import ddsp.training
import os
# Parameters for Harmonic:
Harmonic.n_samples = 64000
Harmonic.scale_fn = @core.exp_sigmoid
RnnFcDecoder.input_keys = ("ld_scaled", "f0_scaled")
RnnFcDecoder.output_splits = (("amps", 1), ("harmonic_distribution", 60))
exp_sigmoid.threshold = 1e-07
x.y = {"a": [1, None, True], "b": %MACRO}
"""
    read = lambda path: operative_config.read(path.parent)  # noqa: E731
    return of_file(scratch / "operative_config-3.gin", [seed], mutations.bindings, read)
