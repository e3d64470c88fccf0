"""The `unet_mask` backbone plugin: see `model.py` for the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timbresep.hookspecs import BackboneSpec, hookimpl

if TYPE_CHECKING:
    from .model import UnetMask

DEFAULTS = {"n_fft": 4096, "hop": 2048, "width": 48, "hidden": 128, "embedding": 128}


def build(condition_dim: int, **arguments: Any) -> UnetMask:
    """Make the network; `arguments` are those of `UnetMask`."""
    from .model import UnetMask

    return UnetMask(condition_dim, **{**DEFAULTS, **arguments})


@hookimpl
def timbresep_backbones() -> list[BackboneSpec]:
    """The one backbone here."""
    summary = "U-Net over pitch → FiLM at every level → mask, 44.1 kHz stereo"
    return [BackboneSpec("unet_mask", summary, build, DEFAULTS)]
