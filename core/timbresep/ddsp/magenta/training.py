"""Train an instrument's model with ddsp itself: its configuration, trainer and checkpoints."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from timbresep.ddsp import prepared as solos_file
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.features import FRAME_RATE
from timbresep.ddsp.magenta import checkpoint, environment, records
from timbresep.ddsp.passages import Passages, heard
from timbresep.ddsp.report import TrainReport, evaluate
from timbresep.ddsp.training import OnStep
from timbresep.errors import OutputExistsError, TrainingError
from timbresep.interrupts import held

if TYPE_CHECKING:
    from ddsp.training.trainers import Trainer

log = logging.getLogger(__name__)

DATA = "datasets/tfrecord.gin"


class _OutOfTimeError(Exception):
    """Ends ddsp's training loop, which knows steps only."""


def train(
    prepared: Path,
    out: Path,
    work: Path,
    *,
    config: DecoderConfig,
    steps: int,
    minutes: float | None = None,
    batch: int = 8,
    seconds: float = 2.0,
    seed: int = 0,
    resume: bool = False,
    metadata: dict[str, Any] | None = None,
    progress: OnStep | None = None,
    save_every: int = 300,
) -> TrainReport:
    """Fit a decoder to solos through ddsp's `solo_instrument.gin` and its trainer.

    Loss, optimiser, learning rate (3e-4, falling by 2 % in 10 000 steps) and clipping are ddsp's.
    Its checkpoints, configuration and TensorBoard files stay in ``work``; the last checkpoint is
    imported into ``out``.

    Args:
        prepared: file of `timbresep.ddsp.prepared.prepare`.
        out: safetensors file of the model to write, in full precision.
        work: folder of tfrecords and of ddsp's own files.
        config: sizes.
        steps: optimiser steps, counted from the start of an interrupted run.
        minutes: stop after this much time, if before ``steps``.
        batch: passages a step.
        seconds: length of a passage, whole seconds.
        seed: of the weights and the order of passages.
        resume: go on with the run in ``work``.
        metadata: kept in the model's file: data, licence, command.
        progress: called after each step.
        save_every: steps between two checkpoints.

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
    if steps < 1 or batch < 1 or seconds < 1 or seconds != round(seconds):
        raise TrainingError(
            f"ddsp trains on passages of whole seconds, not {seconds:g} s, a step or more",
            "such as --seconds 4, which is its default",
        )
    frames = round(seconds * FRAME_RATE)
    found = any(work.glob("ckpt-*.index"))
    if found and not resume:
        raise OutputExistsError(f"{work} holds a run of ddsp", "--resume goes on with it")
    if resume and not found:
        raise TrainingError(f"{work} holds no run to go on with", "leave out --resume")
    if found:
        checkpoint.refuse_other_size(work, config)
    data = solos_file.load(prepared)
    passages = Passages(data, frames, torch.device("cpu"))
    examples = records.write(data, passages, work / "records", frames, seed)
    log.info("%d examples of %g s in %s", examples, seconds, work / "records")

    began = time.monotonic()
    losses: list[float] = []

    def follow(done: int, loss: float) -> None:
        losses.append(loss)
        if not math.isfinite(loss):
            raise TrainingError(f"the loss is no longer finite at step {done}", "start again")
        if progress:
            progress(done, steps, loss)
        if minutes is not None and time.monotonic() - began > 60 * minutes:
            raise _OutOfTimeError

    changes = [
        *environment.bindings(config, frames),
        f"TFRecordProvider.file_pattern = '{work / 'records'}/solos-*.tfrecord'",
        f"TFRecordProvider.example_secs = {round(seconds)}",
        f"batch_size = {batch}",
        f"train.num_steps = {steps}",
        f"train.steps_per_save = {save_every}",
        f"train.steps_per_summary = {save_every}",
        "Trainer.checkpoints_to_keep = 2",
    ]
    environment.configure([*environment.FILES, DATA], changes)
    done = _run(work, seed, follow)

    model, source = checkpoint.read(work)
    model.heard = heard(data)
    valid_loss, loudness_error = evaluate(model, passages)
    report = TrainReport(
        steps=done,
        seconds=round(time.monotonic() - began, 1),
        first_loss=_mean(losses[:20]),
        last_loss=_mean(losses[-20:]),
        valid_loss=valid_loss,
        loudness_error_db=loudness_error,
        windows=examples,
        minutes=round(data.frames / FRAME_RATE / 60, 2),
        held_out=passages.held_out,
    )
    settings = {"engine": "magenta", "batch": batch, "passage_seconds": seconds, "seed": seed}
    trained = {
        "training": {**asdict(report), **settings},
        "solos": data.metadata,
        "magenta": {"step": source.step, "sha256": source.sha256, **environment.versions()},
    }
    model.save(out, {**(metadata or {}), **trained}, half=False)
    log.info("%s: %d steps of ddsp's own trainer, held-out loss %.3f", out, done, valid_loss)
    return report


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


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4) if values else math.nan
