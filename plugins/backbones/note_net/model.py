"""A convolutional transcriber that a timbre vector steers through FiLM.

magnitudes of two transforms → axis of pitch → harmonics stacked → trunk (once a mixture) → FiLM →
head (once an instrument) → sounding and onset of each pitch. Along an axis of pitch the harmonics
of a tone keep their distances, so that shifted copies of it, one for each harmonic, put all that
belongs to a pitch in one place (Bittner et al., "Deep Salience Representations for F0 Estimation in
Polyphonic Music", ISMIR 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from timbresep.film import ConditionEncoder, FiLM
from timbresep.transcriber import KINDS, Transcriber

from . import Arguments
from .harmonics import CHANNELS, LOWEST, PER_SEMITONE, PITCHES, HarmonicStack

SAMPLE_RATE = 22_050
HOP = 1024
SLOPE = 0.1
DILATIONS = (1, 2, 4)  # of the blocks in time, over and over
OCTAVE = 12
SILENT = -4.0  # log odds of a pitch at first: few sound


class NoteNet(Transcriber):
    """A conditioned transcriber.

    Args:
        condition_dim: length of a condition vector.
        arguments: sizes.

    Shape:
        - mixture: ``(batch, channels, samples)``, one or two channels, which are summed
        - conditions: ``(batch, instruments, condition_dim)``
        - output: ``(batch, instruments, 2, pitches, frames)``
    """

    place: Tensor

    def __init__(self, condition_dim: int, arguments: Arguments) -> None:
        super().__init__()
        width, head, embedding = arguments.width, arguments.head, arguments.embedding
        self.sample_rate, self.channels, self.condition_dim = SAMPLE_RATE, 2, condition_dim
        self.causal = False
        self.chunk, self.context = 20 * SAMPLE_RATE, 2 * SAMPLE_RATE
        self.hop, self.lowest, self.pitches = HOP, LOWEST, PITCHES
        self.stack = HarmonicStack(SAMPLE_RATE, HOP)
        self.look = nn.Conv2d(CHANNELS, width // 2, (5, 3), padding=(2, 1))
        self.gather = nn.Conv2d(width // 2, width, (PER_SEMITONE, 3), (PER_SEMITONE, 1), (0, 1))
        self.trunk = nn.Sequential(
            *(Block(width, DILATIONS[k % len(DILATIONS)]) for k in range(arguments.blocks))
        )
        self.encode_condition = ConditionEncoder(condition_dim, embedding)
        self.film = FiLM(embedding, width)
        self.narrow = nn.Conv2d(width + 1, head, 1)
        self.head = nn.ModuleList(HeadBlock(head, embedding) for _ in range(arguments.head_blocks))
        self.decide = nn.Conv2d(head, KINDS, (1, 3), padding=(0, 1))
        self.range = FiLM(embedding, KINDS * PITCHES)
        self.decide.bias = nn.Parameter(torch.full((KINDS,), SILENT))
        place = torch.linspace(-1, 1, PITCHES)[:, None]
        self.register_buffer("place", place, persistent=False)

    def logits(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """See `Transcriber.logits`."""
        return self.answer(self.features(mixture), conditions)

    def features(self, mixture: Tensor) -> Tensor:
        """What is common to all instruments, ``(batch, width, pitches, frames)``."""
        x: Tensor = self.stack(mixture.mean(dim=1)).contiguous(memory_format=torch.channels_last)
        x = leaky_relu(self.look(x), SLOPE)
        x = leaky_relu(self.gather(x), SLOPE)
        features: Tensor = self.trunk(x)
        return features

    def answer(self, features: Tensor, conditions: Tensor) -> Tensor:
        """Log odds of each instrument, from `features`."""
        codes = self.encode_condition(conditions)
        batch, instruments = codes.shape[:2]
        x = modulate(self.film, features.unsqueeze(1), codes).flatten(0, 1)
        x = leaky_relu(x, SLOPE)
        place = self.place.to(x).expand(len(x), 1, -1, x.shape[-1])
        x = self.narrow(torch.cat([x, place], dim=1).contiguous(memory_format=torch.channels_last))
        for block in self.head:
            x = block(x, codes)
        x = self.decide(x).float()  # (batch·instruments, kinds, pitches, frames)
        x = x.unflatten(0, (batch, instruments))
        flat = x.flatten(2, 3).transpose(2, 3)  # (batch, instruments, frames, kinds·pitches)
        ranged = self.range(flat, codes).transpose(2, 3)
        odds: Tensor = ranged.unflatten(2, (KINDS, PITCHES))
        return odds


class Block(nn.Module):
    """Residual block over pitch and time; its second convolution also sees octaves above and below.

    Shape: ``(…, features, pitches, frames)`` to the same.
    """

    def __init__(self, features: int, dilation: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(features)
        padding = (1, dilation)
        self.near = nn.Conv2d(features, features, 3, padding=padding, dilation=(1, dilation))
        self.octaves = nn.Conv2d(features, features, (3, 1), padding=(OCTAVE, 0),
                                 dilation=(OCTAVE, 1))  # fmt: skip
        nn.init.zeros_(self.octaves.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        y = leaky_relu(self.near(leaky_relu(self.normalise(x), SLOPE)), SLOPE)
        summed: Tensor = x + self.octaves(y)
        return summed


class HeadBlock(nn.Module):
    """Residual block with FiLM between its convolutions.

    Shape: ``(batch·instruments, features, pitches, frames)`` to the same.
    """

    def __init__(self, features: int, embedding: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(features, features, 3, padding=1)
        self.film = FiLM(embedding, features)
        self.second = nn.Conv2d(features, features, (3, 3), padding=(1, 1))

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Convolve; `codes` are the encoded conditions."""
        y = self.first(leaky_relu(x, SLOPE))
        y = modulate(self.film, y.unflatten(0, codes.shape[:2]), codes).flatten(0, 1)
        summed: Tensor = x + self.second(leaky_relu(y, SLOPE))
        return summed


def modulate(film: FiLM, x: Tensor, codes: Tensor) -> Tensor:
    """FiLM on the features of ``(batch, instruments or 1, features, pitches, frames)``."""
    y = film(x.movedim(2, -1), codes)
    result: Tensor = y.to(x.dtype).movedim(-1, 2)
    return result
