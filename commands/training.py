"""`adapt`, and what `train` has in common with it."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from commands.options import (
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
    ValidateEvery,
    Workers,
    checkpoint_path,
    split_names,
    split_roots,
)
from core.console import make_console, progress
from core.errors import ConfigError
from core.registry import Registry

if TYPE_CHECKING:
    from core.trainer import TrainResult


class Conditioning(StrEnum):
    """What steers a network."""

    harmonic = "harmonic"
    onehot = "onehot"
    learned = "learned"
    none = "none"


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
) -> None:
    """Make a trained separator better at one instrument, known or new; all others stay as they are.

    Trains the instrument's own FiLM modulations and nothing else.
    """
    from core import trainer

    registry = Registry.load(plugins_dir or ())
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
    with progress(f"adapting {', '.join(names)}") as update:
        result = trainer.fit(registry, request, update)
    show_training(result)


def show_training(result: TrainResult) -> None:
    """The validation scores, and what to do with the checkpoint."""
    view = Table("instrument", "SDR", "SI-SDRi", title="Validation, dB", title_justify="left")
    for name, scores in result.scores.items():
        view.add_row(name, f"{scores['sdr']:.1f}", f"{scores['si_sdr_improvement']:.1f}")
    console = make_console()
    console.print(view)
    console.print(f"{result.steps} steps; best checkpoint: {result.best}", soft_wrap=True)
    console.print(
        f"next: python cli.py separate song.wav --checkpoint {result.best}", soft_wrap=True
    )
