"""Passages of prepared solos: what a model is trained on, and what is held out to judge it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from timbresep.ddsp.features import FRAME_RATE, HOP
from timbresep.ddsp.model import TrainedRange
from timbresep.ddsp.prepared import Prepared
from timbresep.errors import DataError


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
        self, data: Prepared, frames: int, device: torch.device, *, hold_out: bool = True
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


def trained_range(data: Prepared) -> TrainedRange:
    """Quartiles of loudness and range of pitch over the voiced frames of prepared solos.

    Of an unpitched instrument it is the loudness of the sounding frames, and no pitch.
    """
    chosen = data.voiced() if data.pitched else data.sounding()
    step = max(int(chosen.sum()) // 100_000, 1)  # torch.quantile takes a few million values
    levels = torch.quantile(data.loudness_db[chosen][::step], torch.tensor([0.25, 0.5, 0.75]))
    pitches = torch.quantile(data.f0_hz[chosen][::step], torch.tensor([0.01, 0.99]))
    low, middle, high = (round(value, 3) for value in levels.tolist())
    lowest, highest = (round(value, 3) for value in pitches.tolist())
    return TrainedRange((low, middle, high), (lowest, highest))
