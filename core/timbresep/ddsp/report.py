"""How a training went: losses, and how near a model comes to solos held out of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from timbresep.ddsp.features import SAMPLE_RATE, loudness
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.passages import Passages
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss


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


def mean_loss(values: Sequence[float]) -> float:
    """Their mean; of none, no number."""
    return round(sum(values) / len(values), 4) if values else math.nan
