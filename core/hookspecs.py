"""The hooks a plugin can implement: `from core.hookspecs import hookimpl`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from core.backbone import Backbone

PROJECT = "timbresep"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class BackboneSpec:
    """A separation network on offer.

    Attributes:
        name: what `--backbone` and checkpoints call it.
        summary: one line for `list`.
        build: ``build(condition_dim, **arguments) -> Backbone``; it imports torch when called,
            so that listing stays instant.
        defaults: its arguments and their default values.
    """

    name: str
    summary: str
    build: Callable[..., Backbone]
    defaults: Mapping[str, int | float | bool | str]


@hookspec
def timbresep_instruments() -> Iterable[Path]:  # type: ignore[empty-body]
    """Return the folders of the instruments this plugin brings, each with an instrument.yaml."""


@hookspec
def timbresep_backbones() -> Iterable[BackboneSpec]:  # type: ignore[empty-body]
    """Return the backbones this plugin brings."""


@hookspec
def timbresep_step(step: int, scalars: Mapping[str, float]) -> None:
    """Observe training: called with named scalars whenever the trainer logs."""
