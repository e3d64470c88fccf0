"""`train` and `adapt`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from timbresep.commands import run_config
from timbresep.commands.console import say, say_json, show_note
from timbresep.commands.options import (
    AsJson,
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
    plugin_options,
    split_names,
    split_roots,
    split_values,
)
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import progress, with_expectation
from timbresep.commands.ranks import as_rank, start_ranks
from timbresep.commands.resuming import resumable
from timbresep.commands.run_config import RunConfig
from timbresep.commands.training_options import (
    AdaptedPlugin,
    AutoResume,
    BackboneName,
    BackboneValues,
    Batch,
    ConditioningKind,
    ConsistencyWeight,
    Devices,
    HoldOut,
    LearningRate,
    MaxSteps,
    MixValues,
    Nodes,
    Out,
    Plugins,
    PrecisionKind,
    Seconds,
    StartFrom,
    StrategyKind,
    Targets,
    ValidateEvery,
    Workers,
)
from timbresep.errors import ConfigError
from timbresep.registry.registry import Registry
from timbresep.running.ranks import started_by_others

if TYPE_CHECKING:
    from timbresep.training.loop import TrainResult
    from timbresep.training.request import RunSettings, TrainRequest

STATE = "resume.safetensors"
AS_GIVEN = (
    *("backbone", "conditioning", "batch_size", "targets", "seconds", "workers", "seed"),
    *("max_steps", "max_minutes", "learning_rate", "validate_every", "consistency_weight"),
    *("device", "precision", "devices", "nodes", "strategy"),
)
"""Options of `train` whose values a request takes as they are."""


def train(
    ctx: typer.Context,
    plugin: Plugins,
    backbone: BackboneName = None,
    set_: BackboneValues = None,
    mix: MixValues = None,
    hold_out: HoldOut = None,
    conditioning: ConditioningKind = "harmonic",
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
    precision: PrecisionKind = "auto",
    consistency_weight: ConsistencyWeight = 0.0,
    devices: Devices = 1,
    nodes: Nodes = 1,
    strategy: StrategyKind = "ddp",
    auto_resume: AutoResume = False,
    as_json: AsJson = False,
    config: RunConfig = None,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Train a separator for one or more instruments."""
    from timbresep.training.request import TrainRequest

    registry = Registry.load(plugins_dir or (), trust=trust)
    who = _who(registry, plugin, hold_out)
    if auto_resume:
        resume = resume or (_named(out, "--auto-resume") / STATE).exists()
    request = TrainRequest(
        instruments=who.names,
        hold_out=who.held_out,
        out=_run_folder(out, who.label, resume=resume),
        arguments=split_values(set_ or []),
        mix=split_values(mix or []),
        sources=tuple(split_names(source)) if source else None,
        roots=split_roots(data or []),
        resume=resume,
        start_from=start_from,
        **{name: ctx.params[name] for name in AS_GIVEN},
    )
    _run(ctx, registry, request, f"training {who.label}", plugin_options(plugins_dir, trust=trust))


def adapt(
    ctx: typer.Context,
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
    as_json: AsJson = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Improve a trained separator for one instrument, known or new.

    Only the instrument's own FiLM modulations are trained. All other instruments keep their
    output to the last bit.
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
    again = plugin_options(plugins_dir, trust=trust)
    _run(ctx, registry, request, f"adapting {', '.join(names)}", again)


def _names(registry: Registry, given: list[str]) -> list[str]:
    """The instruments that --plugin names."""
    names = split_names(given)
    if not names:
        raise ConfigError("--plugin names no instrument", "such as --plugin violin, or all")
    return [item.name for item in registry.instruments(None if names == ["all"] else names)]


@dataclass(frozen=True)
class _Who:
    """Names of the instruments of a run, and of those that are no targets."""

    names: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def label(self) -> str:
        """The part of a run's name that says what it trains."""
        targets = [name for name in self.names if name not in self.held_out]
        return "-".join(targets) if len(targets) < 4 else f"{len(targets)}-instruments"


def _who(registry: Registry, plugin: list[str], hold_out: list[str] | None) -> _Who:
    """The instruments that options name."""
    held_out = [item.name for item in registry.instruments(split_names(hold_out or []))]
    return _Who(tuple(_names(registry, plugin)), tuple(held_out))


def _run_folder(out: Path | None, label: str, *, resume: bool) -> Path:
    """The folder of a run."""
    if resume:
        return _named(out, "--resume")
    return out or Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{label}"


def _named(out: Path | None, option: str) -> Path:
    """The folder of a run that has begun."""
    if out is None:
        raise ConfigError(f"{option} needs --out", "name the run folder to go on with")
    return out


def _run(
    ctx: typer.Context, registry: Registry, request: TrainRequest, title: str, again: str
) -> None:
    """Train, and show how it went."""
    from timbresep.training.loop import fit

    settings = request.resolve(registry)
    if settings.processes > 1 and not started_by_others():
        with resumable(request.out, STATE):
            start_ranks(settings, STATE)
        return
    with as_rank(settings) as leads:
        say(f"run: {request.out}; watch it: tensorboard --logdir {request.out}")
        with resumable(request.out, STATE), progress(title) as update:
            expecting, kept = with_expectation(update), not leads

            def report(share: float, text: str) -> None:
                nonlocal kept
                if not kept and request.out.is_dir():  # once the run has begun
                    run_config.write(ctx, request.out, _resolved(settings))
                    kept = True
                expecting(share, text)

            result = fit(registry, request, report)
        if leads and ctx.params["as_json"]:
            say_json(result)
        else:
            _show_scores(result)
        use = "notes" if result.answers == "notes" else "separate"
        say(f"next: {PROGRAM} {use} song.wav --checkpoint {result.best}{again}")


def _resolved(settings: RunSettings) -> dict[str, object]:
    """The values in effect of options that have no default of their own."""
    own = ("batch_size", "workers", "learning_rate", "max_steps", "validate_every")
    mixtures = {"seconds": settings.mix.seconds, "targets": settings.mix.targets}
    return {
        "backbone": settings.spec.name,
        **mixtures,
        **{name: getattr(settings, name) for name in own},
    }


def _show_scores(result: TrainResult) -> None:
    """The validation scores, and where the best checkpoint is."""
    from timbresep.training.validation import COLUMNS, MERITS

    columns, merit = COLUMNS[result.answers], MERITS[result.answers]
    title = f"Validation,{merit.unit}" if merit.unit else "Validation, frames of pitches"
    view = Table("instrument", *columns.values(), title=title, title_justify="left")
    for name in result.instruments:
        scores = result.scores.get(name)
        cells = [merit.shown(scores[key]) for key in columns] if scores else "–" * len(columns)
        view.add_row(name, *cells)
    say(view)
    for note in result.notes:
        show_note(note)
    say(f"{result.steps} steps; best checkpoint: {result.best}")
