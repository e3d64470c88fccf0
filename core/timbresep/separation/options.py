"""How to separate: one set of defaults, for the command line and for Python alike."""

from __future__ import annotations

from dataclasses import dataclass

from timbresep.errors import TimbresepError

MOST_TTA = 5


@dataclass(frozen=True)
class SeparationOptions:
    """How a separator works, whatever it separates.

    Attributes:
        device: where to compute: cpu, cuda, mps, or auto (cuda where there is one, else cpu).
        joint: joint masking: all instruments that the network was trained on claim their sound
            before a stem can take it (`timbresep.joint_mask`). Better, and slower where few are
            asked for.
        mixture_consistency: the stems asked for share the mixture bin by bin and sum to it. Better
            than joint masking where everything that sounds is asked for, and wrong where it is not.
        tta: test-time augmentation: the mean of so many passes, each over the mixture at another
            pitch (`timbresep.separation.tta`); 1 to 5. Better, and as many times slower.
        retune: music that is not tuned to A4 = 440 Hz is brought there for the network, and its
            stems back again (`timbresep.separation.tuning`).

    Raises:
        TimbresepError: `tta` is not from 1 to 5.
    """

    device: str = "auto"
    joint: bool = True
    mixture_consistency: bool = False
    tta: int = 1
    retune: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.tta <= MOST_TTA:
            raise TimbresepError(f"{self.tta} passes", f"ask for 1 to {MOST_TTA} with --tta")


DEFAULTS = SeparationOptions()
