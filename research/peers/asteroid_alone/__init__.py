"""The peer in the study of backbones: Asteroid's ConvTasNet as it is, without conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timbresep.hookspecs import BackboneSpec, hookimpl

if TYPE_CHECKING:
    from .model import AsteroidAlone

SIZES = {
    **{"n_filters": 1024, "kernel_size": 1024, "stride": 512},
    **{"bn_chan": 64, "hid_chan": 128, "n_blocks": 6, "n_repeats": 2},
}


def build(condition_dim: int, **arguments: Any) -> AsteroidAlone:
    """Make the network; `arguments` are Asteroid's."""
    if unknown := set(arguments) - set(SIZES):
        raise TypeError(f"no argument {min(unknown)}")
    from .model import AsteroidAlone

    return AsteroidAlone(condition_dim, {**SIZES, **arguments})


SUMMARY = "Asteroid's ConvTasNet for one instrument, without conditions"
SPEC = BackboneSpec("asteroid_alone", SUMMARY, build, SIZES, packages={"asteroid": "asteroid"})


@hookimpl
def timbresep_backbones() -> list[BackboneSpec]:
    """The one backbone here."""
    return [SPEC]
