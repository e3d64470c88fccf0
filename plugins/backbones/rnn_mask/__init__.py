"""The `rnn_mask` backbone plugin: see `model.py` for the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timbresep.hookspecs import BackboneSpec, hookimpl

if TYPE_CHECKING:
    from .model import RnnMask

DEFAULTS = {
    "n_fft": 4096,
    "hop": 2048,
    "bands": 480,
    "width": 256,
    "hidden": 192,
    "layers": 2,
    "films": 2,
    "embedding": 128,
    "second": 0,
}

UNNAMED = {"embedding": 0, "second": 0}
"""What an argument is in checkpoints made before it existed."""


def build(condition_dim: int, **arguments: Any) -> RnnMask:
    """Make the network; `arguments` are those of `RnnMask`."""
    from .model import RnnMask

    return RnnMask(condition_dim, **{**DEFAULTS, **UNNAMED, **arguments})


@hookimpl
def timbresep_backbones() -> list[BackboneSpec]:
    """The one backbone here."""
    summary = "fully connected → FiLM → bidirectional LSTM → mask, 44.1 kHz stereo"
    return [BackboneSpec("rnn_mask", summary, build, DEFAULTS)]
