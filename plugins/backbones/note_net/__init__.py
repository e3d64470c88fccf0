"""The `note_net` backbone plugin: see `model.py` for the network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from timbresep.hookspecs import BackboneSpec, hookimpl

if TYPE_CHECKING:
    from .model import NoteNet


@dataclass(frozen=True)
class Arguments:
    """What the network is built with.

    Attributes:
        width: features of a pitch.
        blocks: residual blocks of the trunk.
        head: features of a pitch once an instrument is asked for.
        head_blocks: residual blocks, each with FiLM, once an instrument is asked for.
        embedding: values that the condition is encoded to before it reaches FiLM.
    """

    width: int = 96
    blocks: int = 7
    head: int = 40
    head_blocks: int = 2
    embedding: int = 128


def build(condition_dim: int, **arguments: Any) -> NoteNet:
    """Make the network; `arguments` are those of `Arguments`."""
    from .model import NoteNet

    return NoteNet(condition_dim, Arguments(**arguments))


SUMMARY = "notes instead of audio: harmonic convolutions → FiLM → pitches and onsets, 22.05 kHz"
SPEC = BackboneSpec("note_net", SUMMARY, build, asdict(Arguments()), answers="notes")


@hookimpl
def timbresep_backbones() -> list[BackboneSpec]:
    """The one backbone here."""
    return [SPEC]
