"""The schedule of a training: steps, validations and checkpoints, from the first to the last."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from timbresep.backbone import Answer
from timbresep.errors import OutputExistsError, TrainingError
from timbresep.files import claim
from timbresep.registry.registry import Registry
from timbresep.running.device import out_of_memory
from timbresep.running.interrupts import held
from timbresep.running.progress import Progress
from timbresep.training.group import group_of
from timbresep.training.request import RunSettings, TrainRequest
from timbresep.training.run import MAX_BAD_STEPS, TrainingRun
from timbresep.training.state import Position

FILES = ("best", "last", "resume")  # of a run
LOG_EVERY = 20  # steps
WARM_UP = 0.02  # share of the run in which the learning rate rises


@dataclass(frozen=True)
class TrainResult:
    """The results of a training.

    Attributes:
        best, last: checkpoints.
        scores: validation scores, by instrument that sounds in it.
        answers: what the network gives: the scores are those of it (`validation.COLUMNS`).
        steps: optimizer steps.
        instruments: all that were trained.
        notes: remarks for the user.
    """

    best: Path
    last: Path
    scores: dict[str, dict[str, float]]
    answers: Answer
    steps: int
    instruments: list[str]
    notes: list[str]


def fit(registry: Registry, request: TrainRequest, report: Progress) -> TrainResult:
    """Train a separator.

    Raises:
        TimbresepError: anything about the request, the plugins or the data that cannot work.
        TrainingError: the loss stays non-finite, or the run to resume differs.
        OutputError: another run writes into the folder, or the disk refuses it.
        KeyboardInterrupt: as it came, once the state to resume from is kept.
    """
    settings = request.resolve(registry)
    group = group_of(settings)
    with contextlib.ExitStack() as stack:
        if group.leads:
            stack.enter_context(_claimed(settings))
        run = TrainingRun(settings, group)
        if not settings.resume:
            run.keep_state()  # first of all, so that the run can always be resumed
        try:
            scores = _train(run, registry.notify_step, report)
        except BaseException as error:
            if run.between_steps and group.can_keep(error):
                with held():
                    run.keep_state()
            if told := _told(error):
                raise told from error
            raise
        finally:
            run.log.close()
    best, last = run.file("best"), run.file("last")
    notes = run.notes() if group.leads else []
    return TrainResult(
        best, last, scores, run.model.answers, run.position.step, run.data.names, notes
    )


@contextlib.contextmanager
def _claimed(settings: RunSettings) -> Iterator[None]:
    """Be the only run in its folder, and one that may write there."""
    if settings.out.exists() and not settings.out.is_dir():
        raise OutputExistsError(f"{settings.out} is a file", "choose another --out")
    with claim(settings.out, [f"{name}.safetensors" for name in FILES]):
        _check_output(settings)
        yield


def _told(error: BaseException) -> TrainingError | None:
    """What to say of an error that a library raised for want of memory."""
    again = "go on with --resume and"
    if str(error).startswith("DataLoader worker"):  # torch's own message
        return TrainingError(
            f"a mixing process ended, perhaps for want of memory ({str(error).strip()})",
            f"{again} fewer --workers, or --mix memory_mb=…",
        )
    if out_of_memory(error):
        return TrainingError(
            "not enough memory for a step",
            f"{again} a machine or card with more, or begin again with a lower --batch-size or "
            "--seconds; several cards share a step (--devices)",
        )
    return None


def _train(
    run: TrainingRun, observe: Callable[[int, dict[str, float]], None], report: Progress
) -> dict[str, dict[str, float]]:
    """Steps and validations until the run is over; its scores in the end."""
    settings, position, group = run.settings, run.position, run.group
    steps = settings.max_steps + MAX_BAD_STEPS
    batches = run.data.batches(position.step, steps, group.part(settings.batch_size))
    losses: list[float] = []
    scores: dict[str, dict[str, float]] = {}
    started = time.monotonic() - 60 * position.minutes
    done = _share(position, settings)
    report(done, "started")
    with group.stoppable() as wished:
        while True:
            due = position.step % settings.validate_every == 0 or done >= 1
            if due and position.kept < position.step:  # also what an interrupted run did not do
                scores = run.validate()
                run.keep(scores)
                report(done, f"step {position.step}  valid {_shown(run, scores)}")
            if done >= 1:
                break
            rate = settings.learning_rate * _schedule(done)
            loss = run.step(next(batches), rate)
            losses += [] if loss is None else [loss]
            minutes = (time.monotonic() - started) / 60
            position.minutes, stop = group.largest(minutes, wished())
            if stop:
                raise KeyboardInterrupt
            done = _share(position, settings)
            if position.step % LOG_EVERY == 0 and losses:
                scalars = {"loss": float(np.mean(losses)), "learning_rate": rate}
                losses.clear()
                if group.leads:
                    run.log.scalars(scalars, position.step)
                    observe(position.step, scalars)
                report(done, f"step {position.step}  loss {scalars['loss']:6.2f}{run.merit.unit}")
        if not scores:  # a run that was already over when it was resumed
            scores = run.validate()
            if any(group.largest(group.leads and not run.file("best").exists())):
                run.keep(scores)
    report(1.0, f"finished at step {position.step}")
    return scores


def _shown(run: TrainingRun, scores: dict[str, dict[str, float]]) -> str:
    """The mean score for people."""
    return f"{run.merit.name} {run.merit.mean(scores):.2f}{run.merit.unit}"


def _check_output(settings: RunSettings) -> None:
    """Refuse to replace a run, or to resume one that is not there."""
    there = [name for name in FILES if (settings.out / f"{name}.safetensors").exists()]
    if settings.resume and "resume" not in there:
        way = "leave --resume out"
        if there:
            way = f"start another run with --start-from {settings.out / there[0]}.safetensors"
        raise TrainingError(f"nothing to resume in {settings.out}", way)
    if there and not settings.resume:
        raise OutputExistsError(
            f"{settings.out} already holds a run",
            "go on with --resume, or choose another --out"
            if "resume" in there
            else "choose another --out",
        )


def _share(position: Position, settings: RunSettings) -> float:
    """How much of the run is done, 0 to 1."""
    by_time = position.minutes / settings.max_minutes if settings.max_minutes else 0.0
    return min(1.0, max(position.step / settings.max_steps, by_time))


def _schedule(done: float) -> float:
    """Learning rate as a share of its peak: linear warm-up, then half a cosine."""
    if done < WARM_UP:
        return 0.05 + 0.95 * done / WARM_UP
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
