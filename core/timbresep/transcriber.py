"""Transcriber: the contract of a backbone that answers with notes instead of audio.

`(mixture, conditions) → activity`: the probability, in each frame, that the instrument of a
condition sounds at a pitch, and that a note of it begins there.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from timbresep.backbone import Answer, Backbone

SOUNDING, ONSET = 0, 1
"""Places on the third axis of an activity: a pitch sounds; a note begins."""

KINDS = 2
"""Length of that axis."""

PRESENT_WEIGHT = 2.0
"""Weight, in the loss, of what is there: most pitches are silent most of the time."""


class Transcriber(Backbone):
    """A conditioned network that hears which notes an instrument plays.

    Frame ``k`` is centred on sample ``k · hop``; ``samples`` samples have
    ``ceil(samples / hop)`` frames.

    `timbresep.testing.TranscriberConformance` tries whether a network keeps what is promised here.

    Attributes:
        hop: samples from one frame to the next.
        lowest: MIDI number of the lowest pitch that it hears.
        pitches: how many semitones it hears, from there up.
    """

    answers: Answer = "notes"

    hop: int
    lowest: int
    pitches: int

    @abstractmethod
    def logits(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """Log odds of what `forward` gives; arguments and shape as there."""

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """Transcribe.

        Args:
            mixture: ``(batch, channels, samples)``.
            conditions: ``(batch, instruments, condition_dim)``.

        Returns:
            probabilities ``(batch, instruments, 2, pitches, frames)``: of sounding, and of
            beginning.
        """
        return torch.sigmoid(self.logits(mixture, conditions).float())

    def frames(self, samples: int) -> int:
        """Number of frames of so many samples."""
        return -(-samples // self.hop)

    def loss(
        self,
        mixture: Tensor,
        conditions: Tensor,
        targets: Tensor,
        consistency_weight: float = 0.0,
    ) -> Tensor:
        """Cross entropy, in which what is there counts `PRESENT_WEIGHT` times.

        Args:
            mixture, conditions: as for `forward`.
            targets: as `forward` gives them, 0 to 1.
            consistency_weight: not used: only stems can sum to a mixture.

        Returns:
            nats, a scalar: the sum over pitches, and its mean over all else.
        """
        del consistency_weight
        logits = self.logits(mixture, conditions).float()
        weight = logits.new_tensor(PRESENT_WEIGHT)
        each = binary_cross_entropy_with_logits(
            logits, targets, pos_weight=weight, reduction="none"
        )
        return each.sum(dim=3).mean()
