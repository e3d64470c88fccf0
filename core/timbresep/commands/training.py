"""`train` and `adapt`."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from timbresep.commands.console import make_console, show_note
from timbresep.commands.numbers import number, whole
from timbresep.commands.options import (
    Batch,
    CheckpointFile,
    DataRoots,
    Device,
    LearningRate,
    MaxMinutes,
    MaxSteps,
    PluginsDir,
    Resume,
    Seconds,
    Seed,
    SeparatorName,
    Sources,
    Trust,
    ValidateEvery,
    Workers,
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


def train(
    plugin: Annotated[
        list[str], typer.Option("--plugin", "-p", help="Instruments, with commas between, or all.")
    ],
    backbone: Annotated[str | None, typer.Option(help="Network to train.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of the backbone; repeatable.")
    ] = None,
    mix: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE of the mixer, such as coherent_share=0.9; repeatable."),
    ] = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(help="Instruments that only accompany, to be asked for untrained."),
    ] = None,
    conditioning: Annotated[
        Conditioning, typer.Option(help="What steers the network; all but harmonic to compare.")
    ] = Conditioning.harmonic,
    source: Sources = None,
    data: DataRoots = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; runs/<time>-<instruments> if not given.")
    ] = None,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    batch_size: Batch = None,
    targets: Annotated[
        int | None, whole(help="Instruments asked of each mixture.", least=1, most=1000)
    ] = None,
    seconds: Seconds = None,
    learning_rate: LearningRate = None,
    validate_every: ValidateEvery = None,
    workers: Workers = None,
    seed: Seed = 0,
    resume: Resume = False,
    start_from: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Checkpoint whose weights to start from: with other data, mixtures or learning "
            "rate than it had.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        Precision, typer.Option(help="bf16 is faster on CPUs that have it; auto uses it on CUDA.")
    ] = Precision.auto,
    sharing: Annotated[
        float,
        number(help="Weight of the loss when stems share the mixture.", least=0, most=1),
    ] = 0.0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Train a separator for one instrument, or one for many."""
    from timbresep.training import loop as trainer

    registry = Registry.load(plugins_dir or (), trust=trust)
    names = split_names(plugin)
    if not names:
        raise ConfigError("--plugin names no instrument", "such as --plugin violin, or all")
    wanted = [item.name for item in registry.instruments(None if names == ["all"] else names)]
    held_out = [item.name for item in registry.instruments(split_names(hold_out or []))]
    if resume and out is None:
        raise ConfigError("--resume needs --out", "name the run folder to go on with")
    targeted = [name for name in wanted if name not in held_out]
    label = "-".join(targeted) if len(targeted) < 4 else f"{len(targeted)}-instruments"
    request = trainer.TrainRequest(
        instruments=tuple(wanted),
        hold_out=tuple(held_out),
        conditioning=conditioning.value,
        out=out or Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{label}",
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
        sharing=sharing,
    )
    with resumable(request.out, STATE), progress(f"training {label}") as update:
        result = trainer.fit(registry, request, update)
    show_training(result)


def adapt(
    plugin: Annotated[str, typer.Option("--plugin", "-p", help="The one instrument to adapt to.")],
    separator: SeparatorName = None,
    checkpoint: CheckpointFile = None,
    source: Sources = None,
    data: DataRoots = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; runs/<time>-adapt-<instrument> if not given.")
    ] = None,
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
    from timbresep.training import loop as trainer

    registry = Registry.load(plugins_dir or (), trust=trust)
    names = [item.name for item in registry.instruments(split_names([plugin]))]
    if resume and out is None:
        raise ConfigError("--resume needs --out", "name the run folder to go on with")
    label = f"adapt-{'-'.join(names)}"
    request = trainer.TrainRequest(
        instruments=tuple(names),
        out=out or Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{label}",
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
    with resumable(request.out, STATE), progress(f"adapting {', '.join(names)}") as update:
        result = trainer.fit(registry, request, update)
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
