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

from core.errors import OutputExistsError, TrainingError
from core.registry import Registry
from core.resume import Progress
from core.training_run import MAX_BAD_STEPS, TrainingRun, TrainRequest, mean_improvement

__all__ = ["TrainRequest", "TrainResult", "fit"]

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
    """
    _guard_output(request)
    settings = registry.config.training
    max_steps = request.max_steps or settings.max_steps
    every = request.validate_every or settings.validate_every
    run = TrainingRun(registry, request)
    progress = run.progress
    batches = run.data.batches(progress.step, max_steps + MAX_BAD_STEPS)
    losses: list[float] = []
    scores: dict[str, dict[str, float]] = {}
    started = time.monotonic() - 60 * progress.minutes
    done = _share(progress, max_steps, request.max_minutes)
    report(done, "started")
    while done < 1:
        rate = run.peak * _schedule(done)
        try:
            loss = run.step(next(batches), rate)
        except KeyboardInterrupt:
            run.keep_state()
            raise
        losses += [] if loss is None else [loss]
        progress.minutes = (time.monotonic() - started) / 60
        done = _share(progress, max_steps, request.max_minutes)
        if progress.step % LOG_EVERY == 0 and losses:
            scalars = {"loss": float(np.mean(losses)), "learning_rate": rate}
            losses.clear()
            run.log.scalars(scalars, progress.step)
            registry.notify_step(progress.step, scalars)
            report(done, f"step {progress.step}  loss {scalars['loss']:6.2f} dB")
        if progress.step % every == 0 or done >= 1:
            scores = run.validate()
            run.keep(scores)
            report(done, f"step {progress.step}  valid SI-SDRi {mean_improvement(scores):5.2f} dB")
    scores = scores or run.validate()  # a run that was already over when it was resumed
    report(1.0, f"finished at step {progress.step}")
    run.log.close()
    best, last = run.file("best"), run.file("last")
    return TrainResult(best, last, scores, progress.step, run.data.names, run.notes())


def _guard_output(request: TrainRequest) -> None:
    existing = request.out / "resume.safetensors"
    if request.resume and not existing.is_file():
        raise TrainingError(f"nothing to resume in {request.out}", "leave --resume out")
    if request.out.exists() and not request.out.is_dir():
        raise OutputExistsError(f"{request.out} is a file", "choose another --out")
    if not request.resume and any(request.out.glob("*.safetensors")):
        raise OutputExistsError(
            f"{request.out} already holds a run", "go on with --resume, or choose another --out"
        )


def _share(progress: Progress, max_steps: int, max_minutes: float | None) -> float:
    by_time = progress.minutes / max_minutes if max_minutes else 0.0
    return min(1.0, max(progress.step / max_steps, by_time))


def _schedule(done: float) -> float:
    """Learning rate as a share of its peak: linear warm-up, then half a cosine."""
    if done < WARM_UP:
        return 0.05 + 0.95 * done / WARM_UP
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
