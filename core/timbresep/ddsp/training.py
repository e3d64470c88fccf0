"""Train an instrument's model on solo recordings: resynthesise them from pitch and loudness."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from timbresep.ddsp import prepared as solos_file
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.features import FRAME_RATE
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.passages import Batch, Passages, trained_range
from timbresep.ddsp.prepared import Prepared
from timbresep.ddsp.report import TrainReport, evaluate, mean_loss
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss
from timbresep.errors import CheckpointError, TrainingError
from timbresep.running.interrupts import held
from timbresep.running.optimizer_state import load_state, position_in, read_header, save_state

log = logging.getLogger(__name__)

OnStep = Callable[[int, int, float], None]
"""Called with (step, steps, loss of the step); also the place to stop by raising."""

Listen = Callable[[DdspModel, int], None]
"""Called with the model and the steps done, to look at or listen to it."""

SIZES = {
    "tiny": DecoderConfig(rnn_channels=32, channels=32),
    "small": DecoderConfig(),
    "full": DecoderConfig(rnn_channels=512, channels=512, layers_per_stack=3, reverb_length=48_000),
}
"""Sizes by name. ``full`` is Magenta's ``solo_instrument``. The others are dry: a reverb trained on
short passages takes over part of the timbre, which a condition must find in the harmonics."""


@dataclass(frozen=True)
class TrainSettings:
    """How a model is trained.

    Attributes:
        config: sizes; those of `start_from` if there is one.
        start_from: a trained model whose weights (and sizes) are the first ones of this one.
        steps: optimiser steps, counted from the start of an interrupted run.
        minutes: stop after this much time, if before ``steps``.
        batch: passages a step.
        seconds: length of a passage.
        learning_rate: at the start.
        hold_out: keep some of the solos from training, to judge the model on.
        device: torch device.
        seed: same seed, data and device: same model.

    Raises:
        TrainingError: no steps, no passages, or passages of no length.
    """

    config: DecoderConfig | None = None
    start_from: Path | None = None
    steps: int = 3000
    minutes: float | None = None
    batch: int = 8
    seconds: float = 2.0
    learning_rate: float = 1e-3
    hold_out: bool = True
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.seconds <= 0:
            raise TrainingError("steps, batch and seconds must be positive")


@dataclass(frozen=True)
class Upkeep:
    """What is kept and reported of a training while it runs.

    Attributes:
        state: file of the weights, Adam's moments and the position. It is written every so many
            steps, at the end, and when something interrupts the run, which waits for the end of a
            step.
        resume: go on from `state`.
        every: steps between two writes.
        on_step: called after each step.
        listen: called with the model every so many steps, and at the end.
    """

    state: Path | None = None
    resume: bool = False
    every: int = 500
    on_step: OnStep | None = None
    listen: Listen | None = None


@dataclass
class Position:
    """How far a training has come.

    Attributes:
        steps: optimiser steps.
        seconds: time they took.
        losses: of every step, so that a resumed run reports the whole.
    """

    steps: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)

    def save(self, path: Path, model: nn.Module, optimizer: Optimizer) -> None:
        """Write it beside the weights and the optimiser's state."""
        save_state(path, model, optimizer, {"progress": asdict(self)})

    @classmethod
    def read(cls, path: Path) -> Position:
        """The position of a state, without its weights.

        Raises:
            CheckpointError: the file is missing, cut or altered.
        """
        found = position_in(path, read_header(path), cls)
        if found.steps < 0 or not 0 <= found.seconds < math.inf:
            raise CheckpointError(f"{path}: cannot be as far as it tells")
        return found

    @classmethod
    def load(cls, path: Path, model: nn.Module, optimizer: Optimizer) -> Position:
        """Put a state into a model and its optimiser; gives its position.

        Raises:
            CheckpointError: the file is missing, cut, or of a model of another size.
        """
        found = cls.read(path)
        load_state(path, model, optimizer, begun=found.steps > 0)
        return found


def train(
    prepared: Path,
    out: Path,
    settings: TrainSettings,
    *,
    upkeep: Upkeep | None = None,
    metadata: Mapping[str, object] | None = None,
    replace: bool = True,
) -> TrainReport:
    """Fit a decoder so that solos come back from their pitch and loudness.

    Multi-scale spectral loss, Adam, gradient norm clipped at 3 (Engel et al. 2020, appendix C);
    the learning rate falls along a half cosine to a twentieth over the steps, or over the
    minutes if they run out first.

    Args:
        prepared: file of `ddsp.prepared.prepare`; no audio reader or tracker is used here.
        out: safetensors file of the model to write.
        settings: how to train.
        upkeep: what is kept and reported meanwhile.
        metadata: kept in the model's file: data, licence, command.
        replace: whether ``out`` may be there in the end.

    Returns:
        A report, which is also written into the model's metadata under ``training``.

    Raises:
        DataError: the prepared file is unusable or has no pitched passages.
        CheckpointError: the state does not fit, or ``start_from`` cannot be read.
        TrainingError: the loss is no longer finite.
        OutputExistsError: ``out`` is there, and may not be replaced.
    """
    data, upkeep = solos_file.load(prepared), upkeep or Upkeep()
    run = _Run(data, settings)
    if upkeep.resume and upkeep.state:
        run.position = Position.load(upkeep.state, run.model, run.optimizer)
    with run.kept(upkeep.state):
        for loss in run.steps():
            done = run.position.steps
            if done % upkeep.every == 0 and done < settings.steps:
                run.show(upkeep)
                run.model.train()
            if upkeep.on_step:
                upkeep.on_step(done, settings.steps, loss)
    run.show(upkeep)
    report = run.report(data)
    about = {
        "batch": settings.batch,
        "passage_seconds": settings.seconds,
        "lr": settings.learning_rate,
        "seed": settings.seed,
    }
    trained = {"training": {**asdict(report), **about}, "solos": data.metadata}
    run.model.save(out, {**(metadata or {}), **trained}, replace=replace)
    log.info("%s: %d steps, held-out loss %.3f", out, report.steps, report.valid_loss)
    return report


class _Run:
    """A model in training, with its passages, optimiser and position."""

    def __init__(self, data: Prepared, settings: TrainSettings) -> None:
        self.settings, self.device = settings, torch.device(settings.device)
        frames = round(settings.seconds * FRAME_RATE)
        self.passages = Passages(data, frames, self.device, hold_out=settings.hold_out)
        torch.manual_seed(settings.seed)
        start = DdspModel.load(settings.start_from) if settings.start_from else None
        model = DdspModel(start.config if start else settings.config, trained_range(data))
        self.model = model.to(self.device).train()
        if start:
            self.model.load_state_dict(start.state_dict())
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=settings.learning_rate)
        self.position = Position()
        self.between_steps = True

    def steps(self) -> Iterator[float]:
        """Make the steps that are left, and give the loss of each."""
        settings, position = self.settings, self.position
        began, earlier = time.monotonic(), position.seconds
        while (share := self._share()) < 1:
            rate = settings.learning_rate * (0.525 + 0.475 * math.cos(math.pi * share))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            with held():
                self.between_steps = False
                loss = self._step()
                position.steps += 1
                position.seconds = earlier + time.monotonic() - began
                position.losses.append(loss)
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"the loss is no longer finite at step {position.steps}",
                        "lower the learning rate",
                    )
                self.between_steps = True
            yield loss

    @contextmanager
    def kept(self, state: Path | None) -> Iterator[None]:
        """Save the state when an interrupt or an error ends the block, unless within a step."""
        try:
            yield
        except BaseException:
            if state and self.between_steps:
                with held():
                    self.position.save(state, self.model, self.optimizer)
            raise

    def show(self, upkeep: Upkeep) -> None:
        """Save the state, and let the model be listened to."""
        if upkeep.state:
            self.position.save(upkeep.state, self.model, self.optimizer)
        if upkeep.listen:
            upkeep.listen(self.model, self.position.steps)

    def report(self, data: Prepared) -> TrainReport:
        """How the training went."""
        quality = evaluate(self.model, self.passages)
        return TrainReport(
            steps=self.position.steps,
            seconds=round(self.position.seconds, 1),
            first_loss=mean_loss(self.position.losses[:20]),
            last_loss=mean_loss(self.position.losses[-20:]),
            valid_loss=quality[0],
            loudness_error_db=quality[1],
            windows=len(self.passages.train),
            minutes=round(data.frames / FRAME_RATE / 60, 2),
            held_out=self.passages.held_out,
        )

    def _share(self) -> float:
        """How much of the run is done, 0 to 1 and more."""
        minutes = self.settings.minutes
        by_time = self.position.seconds / 60 / minutes if minutes else 0.0
        return max(self.position.steps / self.settings.steps, by_time)

    def _step(self) -> float:
        """One step on passages that follow from the seed and the step."""
        number = self.settings.seed * 1_000_003 + self.position.steps
        chance, noise = torch.Generator().manual_seed(number), torch.Generator(self.device)
        chosen = torch.randint(len(self.passages.train), (self.settings.batch,), generator=chance)
        given = self.passages.batch(self.passages.train[chosen])
        return make_step(self.model, self.optimizer, given, noise.manual_seed(number))


def make_step(
    model: DdspModel, optimizer: Optimizer, given: Batch, noise: torch.Generator
) -> float:
    """One optimiser step; the loss before it."""
    audio = model(given.f0_hz, given.loudness_db, noise)
    loss = multiscale_spectral_loss(given.audio, audio)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)
    optimizer.step()
    return float(loss.detach())
