"""The `unet_mask` backbone plugin: see `model.py` for the network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from timbresep.hookspecs import BackboneSpec, hookimpl

if TYPE_CHECKING:
    from .model import UnetMask


@dataclass(frozen=True)
class Arguments:
    """What the network is built with.

    Attributes:
        n_fft, hop: STFT window and hop in samples (4096 and 2048 are 93 ms and 46 ms).
        width: features of a semitone at the top level; a multiple of 3. Levels below have 4/3, 2
            and 8/3 times as many.
        hidden: LSTM units in each direction.
        embedding: values that the condition is encoded to before it reaches FiLM.
    """

    n_fft: int = 4096
    hop: int = 2048
    width: int = 48
    hidden: int = 128
    embedding: int = 128


def build(condition_dim: int, **arguments: Any) -> UnetMask:
    """Make the network; `arguments` are those of `Arguments`."""
    from .model import UnetMask

    return UnetMask(condition_dim, Arguments(**arguments))


SUMMARY = "U-Net over pitch → FiLM at every level → mask, 44.1 kHz stereo"
SPEC = BackboneSpec("unet_mask", SUMMARY, build, asdict(Arguments()))


@hookimpl
def timbresep_backbones() -> list[BackboneSpec]:
    """The one backbone here."""
    return [SPEC]
