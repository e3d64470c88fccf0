"""The `rnn_mask` backbone plugin: see `model.py` for the network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from timbresep.hookspecs import BackboneSpec, hookimpl

if TYPE_CHECKING:
    from .model import RnnMask


@dataclass(frozen=True)
class Arguments:
    """What the network is built with.

    Attributes:
        n_fft, hop: STFT window and hop in samples (4096 and 2048 are 93 ms and 46 ms).
        bands: frequency bands the network sees and masks; `n_fft // 2 + 1` or more: every bin.
        width: features after the fully connected layer.
        hidden: LSTM units in each direction.
        layers: LSTM layers.
        films: 1 puts FiLM before the LSTM, 2 also after it.
        embedding: values that the condition is encoded to before it reaches FiLM; 0: FiLM is
            linear in the condition.
        refinement: LSTM units in each direction of the refinement stage; 0: there is none.
    """

    n_fft: int = 4096
    hop: int = 2048
    bands: int = 480
    width: int = 256
    hidden: int = 192
    layers: int = 2
    films: int = 2
    embedding: int = 0
    refinement: int = 0


RENAMED = {"second": "refinement", "second_look": "refinement"}
"""Former names of an argument and of a module, which checkpoints may still use."""


def build(condition_dim: int, **arguments: Any) -> RnnMask:
    """Make the network; `arguments` are those of `Arguments`."""
    from .model import RnnMask

    return RnnMask(condition_dim, Arguments(**arguments))


SUMMARY = "fully connected → FiLM → bidirectional LSTM → mask, 44.1 kHz stereo"
SPEC = BackboneSpec("rnn_mask", SUMMARY, build, asdict(Arguments()), RENAMED)


@hookimpl
def timbresep_backbones() -> list[BackboneSpec]:
    """The one backbone here."""
    return [SPEC]
