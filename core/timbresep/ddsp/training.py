"""Train an instrument's model on solo recordings: resynthesise them from pitch and loudness."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from timbresep.ddsp import prepared as solos_file
from timbresep.ddsp import resume
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.features import FRAME_RATE, HOP, SAMPLE_RATE, loudness
from timbresep.ddsp.model import DdspModel, Heard
from timbresep.ddsp.prepared import Prepared
from timbresep.ddsp.resume import Done
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss
from timbresep.errors import DataError, TrainingError
from timbresep.interrupts import held

log = logging.getLogger(__name__)

Progress = Callable[[int, int, float], None]
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
class TrainReport:
    """How a training run went.

    Attributes:
        steps: optimiser steps done in all, those before a resume included.
        seconds: wall-clock time of them.
        first_loss, last_loss: spectral loss on training passages (mean of 20 steps at each end).
        valid_loss: spectral loss on passages held out of training.
        loudness_error_db: mean absolute loudness error of their resynthesis, sounding frames.
        windows: training passages (overlapping).
        minutes: length of the solos.
        held_out: what of them was kept from training, in words.
    """

    steps: int
    seconds: float
    first_loss: float
    last_loss: float
    valid_loss: float
    loudness_error_db: float
    windows: int
    minutes: float
    held_out: str = ""


@dataclass(frozen=True)
class Batch:
    """Passages to resynthesise: audio (batch, samples), features (batch, frames)."""

    audio: Tensor
    f0_hz: Tensor
    loudness_db: Tensor
    sounding: Tensor


class Passages:
    """Prepared solos on a device, cut into passages of equal length.

    Whole recordings are held out (`Prepared.held_out`).

    Args:
        data: prepared solos.
        frames: length of a passage.
        device: where batches are made.
        hold_out: without it, all passages are for training.

    Attributes:
        train, valid: first frames of the passages (windows,).
        held_out: what was kept from training, in words.

    Raises:
        DataError: the solos are shorter than a passage, or nothing in them has a steady pitch.
    """

    def __init__(
        self, data: Prepared, frames: int, device: torch.device, hold_out: bool = True
    ) -> None:
        longest = int(torch.diff(data.ends, prepend=data.ends.new_zeros(1)).max())
        if longest < frames:
            raise DataError(
                f"the longest solo lasts {longest / FRAME_RATE:.1f} s, "
                f"a passage {frames / FRAME_RATE:g} s",
                "give longer recordings, or take shorter passages (--seconds)",
            )
        windows = data.windows(frames)
        if len(windows) < 2:
            raise DataError(
                f"no passage of {frames / FRAME_RATE:g} s in the solos "
                f"{'has a steady pitch' if data.pitched else 'sounds'} "
                f"({data.frames / FRAME_RATE:.0f} s of audio in all)",
                "give a minute or more of one instrument playing one note at a time",
            )
        inside, apart = torch.zeros_like(windows, dtype=torch.bool), torch.ones_like(windows) > 0
        for first, end in data.held_out() if hold_out else ():
            inside |= (windows >= first) & (windows + frames <= end)
            apart &= (windows >= end) | (windows + frames <= first)
        self.train, self.valid = windows[apart], windows[inside]
        self.held_out = data.held_out_names()
        if len(self.train) == 0 or len(self.valid) == 0:  # recordings of a few seconds
            self.train, self.valid = windows[: -1 if hold_out else None], windows[-1:]
            self.held_out = "one passage, which overlaps others" if hold_out else "nothing"
        self._frames = torch.arange(frames, device=device)
        self._samples = torch.arange(frames * HOP, device=device)
        self._audio = data.audio.to(device)
        self._f0 = data.f0_hz.to(device)
        self._loudness = data.loudness_db.to(device)
        self._sounding = data.sounding().to(device)
        self._device = device

    def batch(self, starts: Tensor) -> Batch:
        """The passages that begin at frames ``starts`` (batch,)."""
        first = starts.to(self._device)[:, None]
        frames, samples = first + self._frames, first * HOP + self._samples
        return Batch(
            self._audio[samples].float() / 32767,
            self._f0[frames],
            self._loudness[frames],
            self._sounding[frames],
        )


def heard(data: Prepared) -> Heard:
    """Quartiles of loudness and range of pitch over the voiced frames of prepared solos.

    Of an unpitched instrument it is the loudness of the sounding frames, and no pitch.
    """
    chosen = data.voiced() if data.pitched else data.sounding()
    step = max(int(chosen.sum()) // 100_000, 1)  # torch.quantile takes a few million values
    levels = torch.quantile(data.loudness_db[chosen][::step], torch.tensor([0.25, 0.5, 0.75]))
    pitches = torch.quantile(data.f0_hz[chosen][::step], torch.tensor([0.01, 0.99]))
    low, middle, high = (round(value, 3) for value in levels.tolist())
    lowest, highest = (round(value, 3) for value in pitches.tolist())
    return Heard((low, middle, high), (lowest, highest))


def train(
    prepared: Path,
    out: Path,
    *,
    config: DecoderConfig | None = None,
    steps: int = 3000,
    minutes: float | None = None,
    batch: int = 8,
    seconds: float = 2.0,
    learning_rate: float = 1e-3,
    device: str = "cpu",
    seed: int = 0,
    metadata: dict[str, Any] | None = None,
    progress: Progress | None = None,
    start_from: Path | None = None,
    hold_out: bool = True,
    replace: bool = True,
    resume_from: Path | None = None,
    state: Path | None = None,
    save_every: int = 500,
    listen: Listen | None = None,
) -> TrainReport:
    """Fit a decoder so that solos come back from their pitch and loudness.

    Multi-scale spectral loss, Adam, gradient norm clipped at 3 (Engel et al. 2020, appendix C);
    the learning rate falls along a half cosine to a twentieth over the steps, or over the
    minutes if they run out first.

    Args:
        prepared: file of `ddsp.prepared.prepare`; no audio reader or tracker is used here.
        out: safetensors file of the model to write.
        config: sizes; with ``resume_from`` those of the interrupted run are needed.
        steps: optimiser steps, counted from the start of an interrupted run.
        minutes: stop after this much time, if before ``steps``.
        batch: passages a step.
        seconds: length of a passage.
        learning_rate: at the start.
        device: torch device.
        seed: same seed, data and device: same model.
        metadata: kept in the model's file: data, licence, command.
        progress: called after each step.
        start_from: a trained model whose weights (and sizes) are the first ones of this one.
        hold_out: keep some of the solos from training, to judge the model on.
        replace: whether ``out`` may be there in the end.
        resume_from: state file of an interrupted run to go on from.
        state: where to keep that state (weights, Adam's moments, progress).
        save_every: steps between two writes of it; it is also written at the end, and when
            something interrupts the run, which waits for the end of a step.
        listen: called with the model every ``save_every`` steps, and at the end.

    Returns:
        A report, which is also written into the model's metadata under ``training``.

    Raises:
        DataError: the prepared file is unusable or has no pitched passages.
        CheckpointError: ``resume_from`` does not fit, or ``start_from`` cannot be read.
        TrainingError: the loss is no longer finite.
        OutputExistsError: ``out`` is there, and may not be replaced.
    """
    if steps < 1 or batch < 1 or seconds <= 0:
        raise TrainingError("steps, batch and seconds must be positive")
    data = solos_file.load(prepared)
    place = torch.device(device)
    passages = Passages(data, round(seconds * FRAME_RATE), place, hold_out)
    torch.manual_seed(seed)
    start = DdspModel.load(start_from) if start_from else None
    model = DdspModel(start.config if start else config, heard(data)).to(place).train()
    if start:
        model.load_state_dict(start.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    done = resume.load(resume_from, model, optimizer) if resume_from else Done()

    began, earlier = time.monotonic(), done.seconds
    with resume.kept(state, model, optimizer, done):
        while done.steps < steps:
            share = max(done.steps / steps, done.seconds / 60 / minutes if minutes else 0.0)
            if share >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * (0.525 + 0.475 * math.cos(math.pi * share))
            chance = torch.Generator().manual_seed(seed * 1_000_003 + done.steps)
            chosen = torch.randint(len(passages.train), (batch,), generator=chance)
            noise = torch.Generator(place).manual_seed(seed * 1_000_003 + done.steps)
            with held():
                done.between_steps = False
                loss = _step(model, optimizer, passages.batch(passages.train[chosen]), noise)
                done.steps += 1
                done.seconds = earlier + time.monotonic() - began
                done.losses.append(loss)
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"the loss is no longer finite at step {done.steps}",
                        "lower the learning rate",
                    )
                done.between_steps = True
            if done.steps % save_every == 0 and done.steps < steps:
                if state:
                    resume.save(state, model, optimizer, done)
                if listen:
                    listen(model, done.steps)
                    model.train()
            if progress:
                progress(done.steps, steps, loss)

    if state:
        resume.save(state, model, optimizer, done)
    if listen:
        listen(model, done.steps)
    valid_loss, loudness_error = evaluate(model, passages)
    report = TrainReport(
        steps=done.steps,
        seconds=round(done.seconds, 1),
        first_loss=_mean(done.losses[:20]),
        last_loss=_mean(done.losses[-20:]),
        valid_loss=valid_loss,
        loudness_error_db=loudness_error,
        windows=len(passages.train),
        minutes=round(data.frames / FRAME_RATE / 60, 2),
        held_out=passages.held_out,
    )
    settings = {"batch": batch, "passage_seconds": seconds, "lr": learning_rate, "seed": seed}
    trained = {"training": {**asdict(report), **settings}, "solos": data.metadata}
    model.save(out, {**(metadata or {}), **trained}, replace=replace)
    log.info("%s: %d steps, held-out loss %.3f", out, done.steps, valid_loss)
    return report


@torch.no_grad()
def evaluate(model: DdspModel, passages: Passages, limit: int = 16) -> tuple[float, float]:
    """Spectral loss and loudness error (dB, over sounding frames) on held-out passages."""
    picks = torch.linspace(0, len(passages.valid) - 1, min(limit, len(passages.valid))).long()
    given = passages.batch(passages.valid[picks])
    noise = torch.Generator(given.audio.device).manual_seed(0)
    audio = model.eval()(given.f0_hz, given.loudness_db, noise)
    loss = float(multiscale_spectral_loss(given.audio, audio))
    level = loudness(audio, SAMPLE_RATE)[:, : given.loudness_db.shape[1]]
    error = (level - given.loudness_db).abs()[given.sounding]
    return round(loss, 4), round(float(error.mean()), 3)


def _step(
    model: DdspModel, optimizer: torch.optim.Optimizer, given: Batch, noise: torch.Generator
) -> float:
    """One optimiser step; the loss before it."""
    audio = model(given.f0_hz, given.loudness_db, noise)
    loss = multiscale_spectral_loss(given.audio, audio)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)
    optimizer.step()
    return float(loss.detach())


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else math.nan
