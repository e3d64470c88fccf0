"""What a server has on offer, for its page."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from timbresep import checkpoint
from timbresep.errors import PluginError, TimbresepError, UnknownNameError
from timbresep.instrument import own_file
from timbresep.registry.registry import Registry
from timbresep.server.settings import ServerSettings

PICTURE = "resynthesis.png"


def offer(registry: Registry, settings: ServerSettings) -> dict[str, Any]:
    """Separators that are listed, presets, instruments with their scores, and limits."""
    listed = registry.separators.config.separators
    separators = []
    for name in listed:
        with contextlib.suppress(TimbresepError):
            chain = registry.separators.get(name)
            separators.append({"name": name, "about": chain.described, "missing": chain.missing})
    scores = _scores(registry)
    instruments = [
        {
            "name": item.name,
            "score": scores.get(item.name),
            "picture": _picture(registry, item.name) is not None,
        }
        for item in registry.instruments()
    ]
    presets = [
        {"name": name, "about": preset.about}
        for name, preset in registry.separators.config.presets.items()
        if not preset.minus_each
    ]
    return {
        "separators": separators,
        "default": registry.separators.get().name,
        "presets": presets,
        "instruments": instruments,
        "upload": settings.upload,
        "length": settings.length,
    }


def picture_of(registry: Registry, name: str) -> Path:
    """The picture of an instrument's voice.

    Raises:
        UnknownNameError: no instrument of that name, or it has no picture.
    """
    path = _picture(registry, name)
    if path is None:
        raise UnknownNameError(f"no picture of '{name}'", "")
    return path


def _picture(registry: Registry, name: str) -> Path | None:
    """The picture of an instrument out of the list, never of a path."""
    for item in registry.instruments():
        if item.name == name and item.folder is not None:
            with contextlib.suppress(PluginError):  # a link to another file of this machine
                path = own_file(item.folder, PICTURE)
                return path if path.is_file() else None
    return None


def _scores(registry: Registry) -> dict[str, float]:
    """SI-SDR improvement on validation tracks of the network alone, in dB."""
    with contextlib.suppress(TimbresepError):
        path = registry.separators.plain().checkpoint
        told = checkpoint.read_metadata(path).scores
        return {name: row["si_sdr_improvement"] for name, row in told.items()}
    return {}
