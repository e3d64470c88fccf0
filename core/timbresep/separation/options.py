"""How to separate: one set of defaults, for the command line and for Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from timbresep.errors import TimbresepError

MOST_TTA = 5


@dataclass(frozen=True)
class SeparationOptions:
    """How a separator works.

    Attributes:
        device: where to compute: cpu, cuda, mps, or auto (cuda if there is one, otherwise cpu).
        joint: joint masking: all instruments that the network was trained on claim their part of
            each bin before a stem is written (`timbresep.joint_mask`). Better, but slower if few
            instruments are asked for.
        mixture_consistency: each bin is divided among the stems asked for, so that they sum to the
            mixture. Better than joint masking if all instruments that play are asked for, worse if
            they are not.
        tta: test-time augmentation: at how many pitches the mixture is separated, to take the mean
            (`timbresep.separation.tta`); 1 to 5. Better, and as many times slower.
        retune: music that is not tuned to A4 = 440 Hz is brought there for the network, and the
            stems are brought back (`timbresep.tuning`).
        refine: harmonic refinement of the stems (`timbresep.separation.refinement`). For ensembles
            of pitched instruments; better with mixture consistency, which says who plays. Slower.
            A score does more, and is used in its place.
        transcriber: name of the listed transcriber that is asked beside the network, or `none`; by
            default, the one that the registry names for the separator. It needs stems that share
            the mixture.

    Raises:
        TimbresepError: `tta` is not from 1 to 5, or stems that share nothing are to be refined.
    """

    device: str = "auto"
    joint: bool = True
    mixture_consistency: bool = False
    tta: int = 1
    retune: bool = True
    refine: bool = False
    transcriber: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.tta <= MOST_TTA:
            raise TimbresepError(f"tta = {self.tta}: expected 1 to {MOST_TTA}")
        if self.refine and not (self.joint or self.mixture_consistency):
            raise TimbresepError(
                "stems that are estimated independently cannot be refined",
                "refine those of joint masking or mixture consistency",
            )


DEFAULTS = SeparationOptions()

QUALITIES: dict[str, dict[str, Any]] = {
    "fast": {"joint": False, "transcriber": "none"},
    "good": {},
    "best": {"tta": 3},
}
"""What some words mean: each stem by itself; the defaults; the mean over three pitches."""
