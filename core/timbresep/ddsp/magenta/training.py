"""Train an instrument's model with ddsp itself: its configuration, trainer and checkpoints."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from timbresep.ddsp import prepared as solos_file
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.features import FRAME_RATE
from timbresep.ddsp.magenta import checkpoint, environment, records
from timbresep.ddsp.passages import Passages, trained_range
from timbresep.ddsp.prepared import Prepared
from timbresep.ddsp.report import TrainReport, evaluate, mean_loss
from timbresep.ddsp.training import OnStep, TrainSettings
from timbresep.errors import OutputExistsError, TrainingError
from timbresep.running.interrupts import held

if TYPE_CHECKING:
    from ddsp.training.trainers import Trainer

log = logging.getLogger(__name__)

DATA = "datasets/tfrecord.gin"
SAVE_EVERY = 300
"""Steps between two checkpoints."""


class _OutOfTimeError(Exception):
    """Ends ddsp's training loop, which knows steps only."""


def train(
    prepared: Path,
    out: Path,
    work: Path,
    settings: TrainSettings,
    *,
    resume: bool = False,
    metadata: Mapping[str, object] | None = None,
    on_step: OnStep | None = None,
) -> TrainReport:
    """Fit a decoder to solos through ddsp's `solo_instrument.gin` and its trainer.

    Loss, optimiser, learning rate (3e-4, falling by 2 % in 10 000 steps) and clipping are ddsp's.
    Its checkpoints, configuration and TensorBoard files stay in ``work``; the last checkpoint is
    imported into ``out``.

    Args:
        prepared: file of `timbresep.ddsp.prepared.prepare`.
        out: safetensors file of the model to write, in full precision.
        work: folder of tfrecords and of ddsp's own files.
        settings: sizes, steps, minutes, batch, seed, and passages of whole seconds; the rest is
            ddsp's.
        resume: go on with the run in ``work``.
        metadata: kept in the model's file: data, licence, command.
        on_step: called after each step.

    Returns:
        A report, as of `timbresep.ddsp.training.train`.

    Raises:
        MissingToolError: ddsp or TensorFlow is missing.
        DataError: the prepared file is unusable or has no pitched passages.
        OutputExistsError: there is a run in ``work`` and it is not to be resumed.
        CheckpointError: the run in ``work`` is of another size.
        TrainingError: a setting that ddsp cannot do, or a loss that is no longer finite.
    """
    environment.load()
    config = settings.config or DecoderConfig()
    _check(work, config, settings.seconds, resume=resume)
    data = solos_file.load(prepared)
    frames = round(settings.seconds * FRAME_RATE)
    passages = Passages(data, frames, torch.device("cpu"))
    examples = records.write(data, passages, work / "records", frames, settings.seed)
    log.info("%d examples of %g s in %s", examples, settings.seconds, work / "records")
    environment.configure([*environment.FILES, DATA], _changes(config, settings, work))
    follow = _Follow(settings, on_step)
    done = _run(work, settings.seed, follow)
    model, source = checkpoint.read(work)
    model.trained_range = trained_range(data)
    report = follow.report(done, evaluate(model, passages), data)
    report = replace(report, windows=examples, held_out=passages.held_out)
    used = {"batch": settings.batch, "passage_seconds": settings.seconds, "seed": settings.seed}
    about = {
        "training": {**asdict(report), "engine": "magenta", **used},
        "solos": data.metadata,
        "magenta": {"step": source.step, "sha256": source.sha256, **environment.versions()},
    }
    model.save(out, {**(metadata or {}), **about}, half=False)
    log.info("%s: %d steps of ddsp's own trainer", out, done)
    return report


def _check(work: Path, config: DecoderConfig, seconds: float, *, resume: bool) -> None:
    """Refuse what ddsp cannot do, to replace a run, and to resume one that is not there."""
    if seconds < 1 or seconds != round(seconds):
        raise TrainingError(
            f"ddsp trains on passages of whole seconds, not {seconds:g} s",
            "such as --seconds 4, which is its default",
        )
    found = any(work.glob("ckpt-*.index"))
    if found and not resume:
        raise OutputExistsError(f"{work} holds a run of ddsp", "--resume goes on with it")
    if resume and not found:
        raise TrainingError(f"{work} holds no run to go on with", "leave out --resume")
    if found:
        checkpoint.refuse_other_size(work, config)


def _changes(config: DecoderConfig, settings: TrainSettings, work: Path) -> list[str]:
    """Bindings of gin that differ from those of ddsp's own files."""
    return [
        *environment.bindings(config, round(settings.seconds * FRAME_RATE)),
        f"TFRecordProvider.file_pattern = '{work / 'records'}/solos-*.tfrecord'",
        f"TFRecordProvider.example_secs = {round(settings.seconds)}",
        f"batch_size = {settings.batch}",
        f"train.num_steps = {settings.steps}",
        f"train.steps_per_save = {SAVE_EVERY}",
        f"train.steps_per_summary = {SAVE_EVERY}",
        "Trainer.checkpoints_to_keep = 2",
    ]


class _Follow:
    """Follows the steps of a training: its losses and its time.

    Args:
        settings: when it ends.
        on_step: called after each step.
    """

    def __init__(self, settings: TrainSettings, on_step: OnStep | None) -> None:
        self.settings, self.on_step = settings, on_step
        self.began = time.monotonic()
        self.losses: list[float] = []

    def __call__(self, done: int, loss: float) -> None:
        """Take note of a step.

        Raises:
            TrainingError: its loss is not finite.
            _OutOfTimeError: the time is over.
        """
        self.losses.append(loss)
        if not math.isfinite(loss):
            raise TrainingError(f"the loss is no longer finite at step {done}", "start again")
        if self.on_step:
            self.on_step(done, self.settings.steps, loss)
        minutes = self.settings.minutes
        if minutes is not None and time.monotonic() - self.began > 60 * minutes:
            raise _OutOfTimeError

    def report(self, done: int, held_out: tuple[float, float], data: Prepared) -> TrainReport:
        """How it went, with the loss and the loudness error of what was held out."""
        return TrainReport(
            steps=done,
            seconds=round(time.monotonic() - self.began, 1),
            first_loss=mean_loss(self.losses[:20]),
            last_loss=mean_loss(self.losses[-20:]),
            valid_loss=held_out[0],
            loudness_error_db=held_out[1],
            windows=0,
            minutes=round(data.frames / FRAME_RATE / 60, 2),
        )


def forget(work: Path) -> None:
    """Remove the checkpoints and settings of a run of ddsp, and nothing else of its folder."""
    for pattern in ("ckpt-*.index", "ckpt-*.data-*", "checkpoint", "operative_config-*.gin"):
        for path in work.glob(pattern):
            path.unlink()


def make_trainer(seed: int) -> Trainer:
    """ddsp's trainer with an untrained model, as gin is configured (`environment.configure`)."""
    import tensorflow as tf
    from ddsp.training import models, train_util, trainers

    tf.keras.utils.set_random_seed(seed)
    strategy = train_util.get_strategy()
    with strategy.scope():
        return trainers.get_trainer_class()(models.get_model(), strategy)


def _run(work: Path, seed: int, follow: Callable[[int, float], None]) -> int:
    """Run ddsp's training loop as gin is configured; the steps done in all."""
    import tensorflow as tf
    from ddsp.training import train_util
    from gin import REQUIRED

    trainer = make_trainer(seed)
    take_step = trainer.train_step

    def followed(batches: object) -> dict[str, tf.Tensor]:
        with held():
            losses: dict[str, tf.Tensor] = take_step(batches)
        follow(int(trainer.step.numpy()), float(losses["total_loss"]))
        return losses

    trainer.train_step = followed
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras prints a table of the model
            train_util.train(
                data_provider=REQUIRED,
                trainer=trainer,
                save_dir=str(work),
                restore_dir=str(work),
            )
    except _OutOfTimeError:
        trainer.save(str(work))
    except KeyboardInterrupt:
        with held():
            trainer.save(str(work))
        raise
    return int(trainer.step.numpy())
