"""A convolutional mask network over pitch that a timbre vector steers through FiLM.

magnitude → quarter semitones → semitones × features → trunk (once a mixture) → FiLM → U-Net with
FiLM in every level and a bidirectional LSTM below → mask. Along an axis of pitch an instrument's
harmonics keep their distances whatever note it plays, so that what convolutions learn of one note
holds for the others (Jansson et al., "Singing Voice Separation with Deep U-Net Convolutional
Networks", ISMIR 2017; conditioned by FiLM: Meseguer-Brocal & Peeters, "Conditioned-U-Net",
ISMIR 2019). Each channel of a stereo mixture is masked on its own.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from timbresep.backbone import MaskBackbone
from timbresep.film import ConditionEncoder, FiLM

from . import Arguments
from .pitch_axis import BANDS, PER_SEMITONE, SEMITONES, PitchAxis

SAMPLE_RATE = 44_100
MAX_CHANNELS = 2
FLOOR = 1e-4  # magnitudes below it count as silence
SLOPE = 0.1
LEVELS = ((2, 2), (2, 2), (2, 1))  # strides in pitch and time


class UnetMask(MaskBackbone):
    """A conditioned U-Net over pitch and time.

    Args:
        condition_dim: length of a condition vector.
        arguments: sizes.

    Shape:
        - mixture: ``(batch, channels, samples)``, one or two channels
        - conditions: ``(batch, instruments, condition_dim)``
        - output: ``(batch, instruments, channels, samples)``
    """

    def __init__(self, condition_dim: int, arguments: Arguments) -> None:
        super().__init__(arguments.n_fft, arguments.hop)
        width, embedding = arguments.width, arguments.embedding
        if width % 3:
            raise ValueError(f"width must be a multiple of 3, not {width}")
        self.sample_rate, self.channels = SAMPLE_RATE, MAX_CHANNELS
        self.condition_dim = condition_dim
        self.causal = False
        self.chunk, self.context = 10 * SAMPLE_RATE, SAMPLE_RATE
        widths = (width, width * 4 // 3, width * 2, width * 8 // 3)
        self.pitch = PitchAxis(arguments.n_fft, SAMPLE_RATE)
        self.normalise = nn.BatchNorm1d(BANDS)
        # One position a semitone: its four bands and their neighbours become features.
        self.gather = nn.Conv2d(2, width, (8, 3), (PER_SEMITONE, 1), (2, 1))
        self.shared = nn.ModuleList(Convolution(width, width) for _ in range(2))
        self.encode_condition = ConditionEncoder(condition_dim, embedding)
        self.film = FiLM(embedding, width)
        self.down = nn.ModuleList(
            Convolution(inside, outside, (5, 3), stride, embedding)
            for (inside, outside), stride in zip(pairwise(widths), LEVELS, strict=True)
        )
        self.context_of_time = Recurrence(SEMITONES // 8 * widths[-1], arguments.hidden, embedding)
        self.up = nn.ModuleList(
            Up(inside, outside, stride, embedding)
            for (outside, inside), stride in zip(pairwise(widths), LEVELS, strict=True)
        )
        self.decide = nn.Conv2d(width, PER_SEMITONE, 1)

    def trunk(self, magnitude: Tensor) -> Tensor:
        """``(batch, channels, bins, frames)`` to
        ``(batch, 1, channels, width, semitones, frames)``."""
        batch = len(magnitude)
        bands = self.pitch(magnitude.float().flatten(0, 1))  # (batch·channels, bands, frames)
        bands = self.normalise((bands + FLOOR).log10()).unsqueeze(1)
        place = torch.linspace(-1, 1, BANDS, device=bands.device)[:, None].expand_as(bands)
        x = torch.cat([bands, place], dim=1).contiguous(memory_format=torch.channels_last)
        x = self.gather(x)  # (batch·channels, width, semitones, frames)
        for convolution in self.shared:
            x = x + leaky_relu(convolution(leaky_relu(x, SLOPE)), SLOPE)
        features: Tensor = x.unflatten(0, (batch, 1, -1))
        return features

    def masks(self, features: Tensor, conditions: Tensor) -> Tensor:
        """``trunk``'s features to ``(batch, instruments, channels, bins, frames)``."""
        codes = self.encode_condition(conditions)
        x = leaky_relu(modulate(self.film, features, codes), SLOPE)
        folded = x.shape[:3]  # (batch, instruments, channels)
        x = x.flatten(0, 2)  # (batch·instruments·channels, width, semitones, frames)
        skipped = []
        for level in self.down:
            skipped.append(x)
            x = leaky_relu(level(x, codes), SLOPE)
        x = x + self.context_of_time(x, codes)
        for up, skip in zip(reversed(self.up), reversed(skipped), strict=True):
            x = up(x, skip, codes)
        x = self.decide(x).float()  # (…, bands of a semitone, semitones, frames)
        mask = torch.sigmoid(x.transpose(1, 2).flatten(1, 2))  # (…, bands, frames)
        masks: Tensor = self.pitch.inverse(mask).unflatten(0, folded)
        return masks


class Convolution(nn.Module):
    """Convolution over pitch and time, normalisation, and FiLM where there is an embedding.

    Shape: ``(batch·instruments·channels, inside, pitches, frames)`` to ``outside`` features at
    ``1 / stride`` the pitches and frames.
    """

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        embedding: int = 0,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.convolve = nn.Conv2d(inside, outside, kernel, stride, padding, bias=False)
        self.normalise = nn.BatchNorm2d(outside)
        self.film = FiLM(embedding, outside) if embedding else None

    def forward(self, x: Tensor, codes: Tensor | None = None) -> Tensor:
        """Convolve; `codes` are the encoded conditions."""
        x = self.normalise(self.convolve(x))
        if self.film is None or codes is None:
            return x
        return modulate(self.film, x.unflatten(0, (*codes.shape[:2], -1)), codes).flatten(0, 2)


class Up(nn.Module):
    """One level up: spread over pitch and time, add what was skipped, convolve."""

    def __init__(self, inside: int, outside: int, stride: tuple[int, int], embedding: int) -> None:
        super().__init__()
        self.spread = nn.ConvTranspose2d(inside, outside, stride, stride)
        self.convolution = Convolution(outside, outside, embedding=embedding)

    def forward(self, x: Tensor, skipped: Tensor, codes: Tensor) -> Tensor:
        """``(…, inside, pitches, frames)`` to the shape of `skipped`."""
        x = self.spread(x)[..., : skipped.shape[-1]] + skipped
        return leaky_relu(self.convolution(leaky_relu(x, SLOPE), codes) + x, SLOPE)


class Recurrence(nn.Module):
    """Bidirectional LSTM over time that sees all pitches at once.

    It computes in single precision whatever surrounds it, so that sums over long times stay exact.
    """

    def __init__(self, features: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(features, 2 * hidden)
        self.film = FiLM(embedding, 2 * hidden)
        self.rnn = nn.LSTM(2 * hidden, hidden, batch_first=True, bidirectional=True)
        self.expand = nn.Linear(2 * hidden, features)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """``(…, features, pitches, frames)`` to the same shape."""
        count, features, pitches, frames = x.shape
        with torch.autocast(x.device.type, enabled=False):
            y = self.squeeze(x.float().permute(0, 3, 2, 1).flatten(2))  # (…, frames, 2·hidden)
            y = self.film(y.unflatten(0, (*codes.shape[:2], -1)), codes.float()).flatten(0, 2)
            y, _ = self.rnn(leaky_relu(y, SLOPE))
            y = self.expand(y).reshape(count, frames, pitches, features)
        modulated: Tensor = y.permute(0, 3, 2, 1).to(x.dtype)
        return modulated


def modulate(film: FiLM, x: Tensor, codes: Tensor) -> Tensor:
    """FiLM on the features of ``(batch, instruments or 1, channels, features, pitches, frames)``.

    They are last in memory already, so that to put them last costs nothing.
    """
    y = film(x.movedim(3, -1), codes)
    result: Tensor = y.to(x.dtype).movedim(-1, 3)
    return result
