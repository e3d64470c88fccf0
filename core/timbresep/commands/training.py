"""`train` and `adapt`."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from timbresep.commands.console import make_console, show_note
from timbresep.commands.numbers import MANY, MOST_PROCESSES, number, whole
from timbresep.commands.options import (
    CheckpointFile,
    DataRoots,
    Device,
    MaxMinutes,
    PluginsDir,
    Resume,
    Seed,
    SeparatorName,
    Sources,
    Trust,
    checkpoint_path,
    resumable,
    split_names,
    split_roots,
    split_values,
)
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import progress
from timbresep.errors import ConfigError
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.training.loop import TrainResult
    from timbresep.training.request import TrainRequest

STATE = "resume.safetensors"


class Precision(StrEnum):
    """Numbers to compute with."""

    auto = "auto"
    bf16 = "bf16"
    full = "32"


class Conditioning(StrEnum):
    """What steers a network."""

    harmonic = "harmonic"
    onehot = "onehot"
    learned = "learned"
    none = "none"


Plugins = Annotated[
    list[str],
    typer.Option(
        "--plugin",
        "-p",
        help="Train the separator for these instruments: names or aliases with commas between, "
        "or 'all'.",
    ),
]
AdaptedPlugin = Annotated[
    str, typer.Option("--plugin", "-p", help="Adapt the separator to this one instrument.")
]
BackboneName = Annotated[
    str | None,
    typer.Option(help="Train this network. The default is registry.yaml's training.backbone."),
]
BackboneValues = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="NAME=VALUE: build the network with this argument in place of its default; "
        "repeatable.",
    ),
]
MixValues = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=VALUE: make mixtures with this setting in place of its default; repeatable. "
        "docs/reference/ has the settings."
    ),
]
HoldOut = Annotated[
    list[str] | None,
    typer.Option(
        help="Let these instruments accompany others without ever being a target: they can be "
        "asked for untrained. None by default."
    ),
]
ConditioningKind = Annotated[
    Conditioning,
    typer.Option(
        help="Steer the network by the plugins' harmonic distributions; or, to compare with, by "
        "one-hot vectors, by vectors learned with the network, or by nothing."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Write checkpoints, state and log into this folder. The default is a new one under "
        "runs/, named by time and instruments."
    ),
]
MaxSteps = Annotated[
    int | None,
    whole(
        help="Stop after this many optimizer steps. The default of train is registry.yaml's "
        "training.max_steps.",
        least=1,
        most=MANY,
    ),
]
Batch = Annotated[
    int | None,
    whole(
        "--batch-size",
        help="Learn from this many mixtures in a step. The default is registry.yaml's "
        "training.batch_size.",
        least=1,
        most=4096,
    ),
]
Targets = Annotated[
    int | None,
    whole(
        help="Ask for this many instruments of each mixture. The default is registry.yaml's "
        "training.targets.",
        least=1,
        most=1000,
    ),
]
Seconds = Annotated[
    float | None,
    number(
        help="Make mixtures this many seconds long. The default is registry.yaml's "
        "training.seconds.",
        least=0.1,
        most=600,
    ),
]
LearningRate = Annotated[
    float | None,
    number(
        help="Let the learning rate rise to this peak and fall from there. The default of train is "
        "registry.yaml's training.learning_rate.",
        least=1e-9,
        most=1,
    ),
]
ValidateEvery = Annotated[
    int | None,
    whole(
        help="Validate and write checkpoints every so many steps. The default is registry.yaml's "
        "training.validate_every.",
        least=1,
        most=MANY,
    ),
]
Workers = Annotated[
    int | None,
    whole(
        help="Mix in this many processes beside the one that trains. The default is "
        "registry.yaml's training.workers.",
        least=0,
        most=MOST_PROCESSES,
    ),
]
StartFrom = Annotated[
    Path | None,
    typer.Option(
        readable=False,
        help="Begin with the weights of this checkpoint, and with its network; data, mixtures and "
        "learning rate may be others. By default weights are drawn at random.",
    ),
]
PrecisionKind = Annotated[
    Precision,
    typer.Option(
        help="Compute in 32 bits, or with bf16 convolutions and matrix products in 16: faster on "
        "CPUs that have it. auto is bf16 on CUDA and 32 elsewhere."
    ),
]
ConsistencyWeight = Annotated[
    float,
    number(
        help="Weigh the loss after mixture consistency, where the stems sum to the mixture, by "
        "this much against the loss before it.",
        least=0,
        most=1,
    ),
]


def train(
    plugin: Plugins,
    backbone: BackboneName = None,
    set_: BackboneValues = None,
    mix: MixValues = None,
    hold_out: HoldOut = None,
    conditioning: ConditioningKind = Conditioning.harmonic,
    source: Sources = None,
    data: DataRoots = None,
    out: Out = None,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    batch_size: Batch = None,
    targets: Targets = None,
    seconds: Seconds = None,
    learning_rate: LearningRate = None,
    validate_every: ValidateEvery = None,
    workers: Workers = None,
    seed: Seed = 0,
    resume: Resume = False,
    start_from: StartFrom = None,
    device: Device = "auto",
    precision: PrecisionKind = Precision.auto,
    consistency_weight: ConsistencyWeight = 0.0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Train a separator for one instrument, or one for many."""
    from timbresep.training.request import TrainRequest

    registry = Registry.load(plugins_dir or (), trust=trust)
    names = _names(registry, plugin)
    held_out = [item.name for item in registry.instruments(split_names(hold_out or []))]
    targeted = [name for name in names if name not in held_out]
    label = "-".join(targeted) if len(targeted) < 4 else f"{len(targeted)}-instruments"
    request = TrainRequest(
        instruments=tuple(names),
        hold_out=tuple(held_out),
        conditioning=conditioning.value,
        out=_run_folder(out, label, resume=resume),
        backbone=backbone,
        arguments=split_values(set_ or []),
        mix=split_values(mix or []),
        sources=tuple(split_names(source)) if source else None,
        roots=split_roots(data or []),
        max_steps=max_steps,
        max_minutes=max_minutes,
        batch_size=batch_size,
        targets=targets,
        seconds=seconds,
        learning_rate=learning_rate,
        validate_every=validate_every,
        workers=workers,
        seed=seed,
        resume=resume,
        start_from=start_from,
        device=device,
        precision=precision.value,
        consistency_weight=consistency_weight,
    )
    _run(registry, request, f"training {label}")


def adapt(
    plugin: AdaptedPlugin,
    separator: SeparatorName = None,
    checkpoint: CheckpointFile = None,
    source: Sources = None,
    data: DataRoots = None,
    out: Out = None,
    max_steps: MaxSteps = 1000,
    max_minutes: MaxMinutes = None,
    batch_size: Batch = None,
    seconds: Seconds = None,
    learning_rate: LearningRate = 0.01,
    validate_every: ValidateEvery = None,
    workers: Workers = None,
    seed: Seed = 0,
    resume: Resume = False,
    device: Device = "auto",
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Make a trained separator better at one instrument, known or new; all others stay as they are.

    Trains the instrument's own FiLM modulations and nothing else.
    """
    from timbresep.training.request import TrainRequest

    registry = Registry.load(plugins_dir or (), trust=trust)
    names = _names(registry, [plugin])
    request = TrainRequest(
        instruments=tuple(names),
        out=_run_folder(out, f"adapt-{'-'.join(names)}", resume=resume),
        adapt=True,
        start_from=checkpoint_path(registry, separator, checkpoint),
        sources=tuple(split_names(source)) if source else None,
        roots=split_roots(data or []),
        max_steps=max_steps,
        max_minutes=max_minutes,
        batch_size=batch_size,
        seconds=seconds,
        learning_rate=learning_rate,
        validate_every=validate_every,
        workers=workers,
        seed=seed,
        resume=resume,
        device=device,
    )
    _run(registry, request, f"adapting {', '.join(names)}")


def _names(registry: Registry, given: list[str]) -> list[str]:
    """The instruments that --plugin names."""
    names = split_names(given)
    if not names:
        raise ConfigError("--plugin names no instrument", "such as --plugin violin, or all")
    return [item.name for item in registry.instruments(None if names == ["all"] else names)]


def _run_folder(out: Path | None, label: str, *, resume: bool) -> Path:
    """Where a run is kept."""
    if resume and out is None:
        raise ConfigError("--resume needs --out", "name the run folder to go on with")
    return out or Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{label}"


def _run(registry: Registry, request: TrainRequest, title: str) -> None:
    """Train, and show how it went."""
    from timbresep.training.loop import fit

    with resumable(request.out, STATE), progress(title) as update:
        result = fit(registry, request, update)
    show_training(result)


def show_training(result: TrainResult) -> None:
    """The validation scores, and what to do with the checkpoint."""
    view = Table("instrument", "SDR", "SI-SDRi", title="Validation, dB", title_justify="left")
    for name in result.instruments:
        scores = result.scores.get(name)
        cells = [f"{scores[key]:.1f}" for key in ("sdr", "si_sdr_improvement")] if scores else "––"
        view.add_row(name, *cells)
    console = make_console()
    console.print(view)
    for note in result.notes:
        show_note(note)
    console.print(f"{result.steps} steps; best checkpoint: {result.best}", soft_wrap=True)
    console.print(f"next: {PROGRAM} separate song.wav --checkpoint {result.best}", soft_wrap=True)
