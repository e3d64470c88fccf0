"""The trainer: one loop for one instrument or many, with any backbone.

names → instruments and their conditions → the recipes' mixtures → backbone → steps → checkpoints.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from timbresep.errors import OutputExistsError, TrainingError
from timbresep.files import claim
from timbresep.interrupts import held
from timbresep.registry.registry import Registry
from timbresep.training.request import TrainRequest
from timbresep.training.run import MAX_BAD_STEPS, TrainingRun, mean_improvement
from timbresep.training.state import Progress

__all__ = ["TrainRequest", "TrainResult", "fit"]

FILES = ("best", "last", "resume")  # of a run
LOG_EVERY = 20  # steps
WARM_UP = 0.02  # share of the run in which the learning rate rises

Report = Callable[[float, str], None]  # share of the run done (0 to 1), what to show beside it


@dataclass(frozen=True)
class TrainResult:
    """Where the results are, and what there is to say of them.

    Attributes:
        best, last: checkpoints.
        scores: validation SDR and SI-SDR improvement in dB, by instrument that was heard in it.
        steps: optimizer steps.
        instruments: all that were trained.
        notes: what has to be known besides.
    """

    best: Path
    last: Path
    scores: dict[str, dict[str, float]]
    steps: int
    instruments: list[str]
    notes: list[str]


def fit(registry: Registry, request: TrainRequest, report: Report) -> TrainResult:
    """Train a separator.

    Raises:
        TimbresepError: anything about the request, the plugins or the data that cannot work.
        TrainingError: the loss stays non-finite, or the run to resume differs.
        OutputError: another run writes into the folder, or the disk refuses it.
        KeyboardInterrupt: as it came, once the state to resume from is kept.
    """
    if request.out.exists() and not request.out.is_dir():
        raise OutputExistsError(f"{request.out} is a file", "choose another --out")
    with claim(request.out, [f"{name}.safetensors" for name in FILES]):
        _check_output(request)
        run = TrainingRun(registry, request)
        if not request.resume:
            run.keep_state()  # first of all: whatever else is in the folder can be gone on from
        try:
            scores = _train(run, registry, report)
        except BaseException as error:
            if run.between_steps:
                with held():
                    run.keep_state()
            if str(error).startswith("DataLoader worker"):  # as torch tells it, with its number
                raise TrainingError(
                    f"a mixing process ended, perhaps for want of memory ({str(error).strip()})",
                    "go on with --resume and fewer --workers, or --mix memory_mb=…",
                ) from error
            raise
        finally:
            run.log.close()
    best, last = run.file("best"), run.file("last")
    return TrainResult(best, last, scores, run.progress.step, run.data.names, run.notes())


def _train(run: TrainingRun, registry: Registry, report: Report) -> dict[str, dict[str, float]]:
    """Steps and validations until the run is over; its scores in the end."""
    request, settings, progress = run.request, registry.config.training, run.progress
    max_steps = request.max_steps or settings.max_steps
    every = request.validate_every or settings.validate_every
    batches = run.data.batches(progress.step, max_steps + MAX_BAD_STEPS)
    losses: list[float] = []
    scores: dict[str, dict[str, float]] = {}
    started = time.monotonic() - 60 * progress.minutes
    done = _share(progress, max_steps, request.max_minutes)
    report(done, "started")
    while True:
        due = progress.step % every == 0 or done >= 1
        if due and progress.kept < progress.step:  # also what an interrupted run did not come to
            scores = run.validate()
            run.keep(scores)
            report(done, f"step {progress.step}  valid SI-SDRi {mean_improvement(scores):5.2f} dB")
        if done >= 1:
            break
        rate = run.peak * _schedule(done)
        loss = run.step(next(batches), rate)
        losses += [] if loss is None else [loss]
        progress.minutes = (time.monotonic() - started) / 60
        done = _share(progress, max_steps, request.max_minutes)
        if progress.step % LOG_EVERY == 0 and losses:
            scalars = {"loss": float(np.mean(losses)), "learning_rate": rate}
            losses.clear()
            run.log.scalars(scalars, progress.step)
            registry.notify_step(progress.step, scalars)
            report(done, f"step {progress.step}  loss {scalars['loss']:6.2f} dB")
    scores = scores or run.validate()  # a run that was already over when it was resumed
    report(1.0, f"finished at step {progress.step}")
    return scores


def _check_output(request: TrainRequest) -> None:
    """Refuse to replace a run, and to go on where there is nothing to go on from."""
    there = [name for name in FILES if (request.out / f"{name}.safetensors").exists()]
    if request.resume and "resume" not in there:
        way = "leave --resume out"
        if there:
            way = f"start another run with --start-from {request.out / there[0]}.safetensors"
        raise TrainingError(f"nothing to resume in {request.out}", way)
    if there and not request.resume:
        raise OutputExistsError(
            f"{request.out} already holds a run",
            "go on with --resume, or choose another --out"
            if "resume" in there
            else "choose another --out",
        )


def _share(progress: Progress, max_steps: int, max_minutes: float | None) -> float:
    by_time = progress.minutes / max_minutes if max_minutes else 0.0
    return min(1.0, max(progress.step / max_steps, by_time))


def _schedule(done: float) -> float:
    """Learning rate as a share of its peak: linear warm-up, then half a cosine."""
    if done < WARM_UP:
        return 0.05 + 0.95 * done / WARM_UP
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
