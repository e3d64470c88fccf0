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

from core.ddsp import prepared as solos_file
from core.ddsp import resume
from core.ddsp.decoder import DecoderConfig
from core.ddsp.features import FRAME_RATE, HOP, SAMPLE_RATE, loudness
from core.ddsp.model import DdspModel, Heard
from core.ddsp.prepared import Prepared
from core.ddsp.spectral_loss import multiscale_spectral_loss
from core.errors import DataError, TrainingError

log = logging.getLogger(__name__)

Progress = Callable[[int, int, float], None]
"""Called with (step, steps, loss of the step); also the place to stop by raising."""

SIZES = {
    "tiny": DecoderConfig(rnn_channels=32, channels=32),
    "small": DecoderConfig(),
    "full": DecoderConfig(rnn_channels=512, channels=512, layers_per_stack=3),
}
"""Decoder sizes by name; ``full`` is Magenta's ``solo_instrument``."""


@dataclass(frozen=True)
class TrainReport:
    """How a training run went.

    Attributes:
        steps: optimiser steps done in all, those before a resume included.
        seconds: wall-clock time of this run.
        first_loss, last_loss: spectral loss on training passages (mean of 20 steps at each end).
        valid_loss: spectral loss on passages held out of training.
        loudness_error_db: mean absolute loudness error of their resynthesis, sounding frames.
        windows: training passages (overlapping).
        minutes: length of the solos.
    """

    steps: int
    seconds: float
    first_loss: float
    last_loss: float
    valid_loss: float
    loudness_error_db: float
    windows: int
    minutes: float


@dataclass(frozen=True)
class Batch:
    """Passages to resynthesise: audio (batch, samples), features (batch, frames)."""

    audio: Tensor
    f0_hz: Tensor
    loudness_db: Tensor
    sounding: Tensor


class Passages:
    """Prepared solos on a device, cut into passages of equal length.

    The last tenth of each recording is held out; no passage straddles the cut.

    Args:
        data: prepared solos.
        frames: length of a passage.
        device: where batches are made.

    Raises:
        DataError: nothing in the solos has a steady pitch.
    """

    def __init__(self, data: Prepared, frames: int, device: torch.device) -> None:
        windows = data.windows(frames)
        if len(windows) < 2:
            raise DataError(
                f"no passage of {frames / FRAME_RATE:g} s in the solos has a steady pitch "
                f"({data.frames / FRAME_RATE:.0f} s of audio in all)",
                "give a minute or more of one instrument playing one note at a time",
            )
        file = torch.searchsorted(data.ends, windows, right=True)
        begins = torch.cat([data.ends.new_zeros(1), data.ends])[file]
        cut = begins + (0.9 * (data.ends[file] - begins)).long()  # (windows,)
        self.train = windows[windows + frames <= cut]
        self.valid = windows[windows >= cut]
        if len(self.train) == 0 or len(self.valid) == 0:  # recordings of a few seconds
            self.train, self.valid = windows[:-1], windows[-1:]
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
    """Quartiles of loudness and range of pitch over the voiced frames of prepared solos."""
    voiced = data.voiced()
    step = max(int(voiced.sum()) // 100_000, 1)  # torch.quantile takes a few million values
    levels = torch.quantile(data.loudness_db[voiced][::step], torch.tensor([0.25, 0.5, 0.75]))
    pitches = torch.quantile(data.f0_hz[voiced][::step], torch.tensor([0.01, 0.99]))
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
    resume_from: Path | None = None,
    state: Path | None = None,
    save_every: int = 500,
) -> TrainReport:
    """Fit a decoder so that solos come back from their pitch and loudness.

    Multi-scale spectral loss, Adam, gradient norm clipped at 3 (Engel et al. 2020, appendix C);
    the learning rate falls along a half cosine to a twentieth over the steps, or over the
    minutes if they run out first.

    Args:
        prepared: file of `core.ddsp.prepared.prepare`; no audio reader or tracker is used here.
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
        resume_from: state file of an interrupted run to go on from.
        state: where to keep that state (weights, Adam's moments, step).
        save_every: steps between two writes of it; it is also written at the end.

    Returns:
        A report, which is also written into the model's metadata under ``training``.

    Raises:
        DataError: the prepared file is unusable or has no pitched passages.
        CheckpointError: ``resume_from`` does not fit.
        TrainingError: the loss is no longer finite.
    """
    if steps < 1 or batch < 1 or seconds <= 0:
        raise TrainingError("steps, batch and seconds must be positive")
    data = solos_file.load(prepared)
    place = torch.device(device)
    passages = Passages(data, round(seconds * FRAME_RATE), place)
    torch.manual_seed(seed)
    model = DdspModel(config, heard(data)).to(place).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    done = resume.load(resume_from, model, optimizer) if resume_from else 0

    began, losses = time.monotonic(), []
    while done < steps:
        spent = (time.monotonic() - began) / 60
        share = max(done / steps, spent / minutes if minutes else 0.0)
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * (0.525 + 0.475 * math.cos(math.pi * share))
        chance = torch.Generator().manual_seed(seed * 1_000_003 + done)
        chosen = torch.randint(len(passages.train), (batch,), generator=chance)
        losses.append(_step(model, optimizer, passages.batch(passages.train[chosen])))
        done += 1
        if not math.isfinite(losses[-1]):
            raise TrainingError(
                f"the loss is no longer finite at step {done}", "lower the learning rate"
            )
        if state and done % save_every == 0:
            resume.save(state, model, optimizer, done)
        if progress:
            progress(done, steps, losses[-1])

    if state:
        resume.save(state, model, optimizer, done)
    valid_loss, loudness_error = evaluate(model, passages)
    report = TrainReport(
        steps=done,
        seconds=round(time.monotonic() - began, 1),
        first_loss=_mean(losses[:20]),
        last_loss=_mean(losses[-20:]),
        valid_loss=valid_loss,
        loudness_error_db=loudness_error,
        windows=len(passages.train),
        minutes=round(data.frames / FRAME_RATE / 60, 2),
    )
    settings = {"batch": batch, "seconds": seconds, "lr": learning_rate, "seed": seed}
    trained = {"training": {**asdict(report), **settings}, "solos": data.metadata}
    model.save(out, {**(metadata or {}), **trained})
    log.info("%s: %d steps, held-out loss %.3f", out, done, valid_loss)
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


def _step(model: DdspModel, optimizer: torch.optim.Optimizer, given: Batch) -> float:
    """One optimiser step; the loss before it."""
    audio = model(given.f0_hz, given.loudness_db)
    loss = multiscale_spectral_loss(given.audio, audio)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)
    optimizer.step()
    return float(loss.detach())


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else math.nan
