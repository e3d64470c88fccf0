"""A voice's training for TensorBoard: loss, audio and pictures of a held-out passage."""

from __future__ import annotations

from pathlib import Path

import torch

from timbresep.ddsp.features import FRAME_RATE, HOP, SAMPLE_RATE
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.picture import compare
from timbresep.ddsp.prepared import Prepared
from timbresep.ddsp.resynthesis import play
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss
from timbresep.training.event_log import EventLog

PASSAGE = 6 * FRAME_RATE
"""Frames of the passage."""


class VoiceLog:
    """Writes events into a run's folder.

    Args:
        folder: of the run.
        data: prepared solos, of which a held-out passage is taken.
        steps: already done, when a run goes on: what was logged after them is forgotten.
    """

    def __init__(self, folder: Path, data: Prepared, steps: int = 0) -> None:
        self._events = EventLog(folder, steps or None)
        self.passage = passage(data)
        audio = data.audio[self.passage.start * HOP : self.passage.stop * HOP]
        self._original = audio.float() / 32767
        self._f0, self._loudness = data.f0_hz[self.passage], data.loudness_db[self.passage]
        self._audio("original", self._original, 0)

    def close(self) -> None:
        """Close the file of events."""
        self._events.close()

    def loss(self, step: int, value: float) -> None:
        """Log the loss of a training step."""
        self._events.scalars({"loss/train": value}, step)

    def listen(self, model: DdspModel, step: int) -> None:
        """Log the held-out passage as the model plays it: loss, audio, spectrograms."""
        audio = play(model, self._f0, self._loudness)
        loss = float(multiscale_spectral_loss(self._original[None], audio[None]))
        self._events.scalars({"loss/held_out": loss}, step)
        self._audio("resynthesis", audio, step)
        picture = compare(self._original, audio)
        self._events.image("original, resynthesis", picture, step)

    def _audio(self, name: str, audio: torch.Tensor, step: int) -> None:
        loud = (audio / audio.abs().max().clamp_min(1e-5) * 0.9)[None]
        self._events.audio(name, loud, step, SAMPLE_RATE)


def passage(data: Prepared) -> slice:
    """Frames of the first held-out recording from where it begins to sound, six seconds long."""
    first, end = data.held_out()[0]
    sounds = data.sounding()[first:end].nonzero()
    if len(sounds):
        first = max(min(first + int(sounds[0]), end - PASSAGE), first)
    return slice(first, min(first + PASSAGE, end))
