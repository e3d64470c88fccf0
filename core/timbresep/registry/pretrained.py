"""Weights of source models on this machine: where they lie, and what is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from timbresep.data.user_cache import default_cache
from timbresep.errors import MissingToolError
from timbresep.hookspecs import SourceModelSpec

if TYPE_CHECKING:
    from timbresep.source_model import SourceModel


def weights_file(spec: SourceModelSpec) -> Path:
    """Where the weights of a source model are kept once they are fetched."""
    return default_cache() / "models" / f"{spec.name}.safetensors"


def missing(spec: SourceModelSpec, weights: Path | None = None) -> str:
    """What a source model lacks, and how to get it, in one line; empty if it is ready.

    Args:
        spec: the source model.
        weights: a file of weights in place of the fetched ones.
    """
    needed = [p for module, p in spec.packages.items() if importlib.util.find_spec(module) is None]
    if needed:
        return f"needs `pip install {' '.join(needed)}`"
    if weights is None and not weights_file(spec).is_file() and not spec.at_hand():
        return f"needs its weights: `models get {spec.name}`"
    return ""


def load(spec: SourceModelSpec, weights: Path | None = None) -> SourceModel:
    """Build a source model.

    Args:
        spec: the source model.
        weights: a file of weights in place of the fetched ones.

    Raises:
        MissingToolError: a package or the weights are missing.
        CheckpointError: the weights are damaged, or another network's.
    """
    lacks = missing(spec, weights)
    if lacks:
        raise MissingToolError(f"source model '{spec.name}' {lacks}")
    path = weights or weights_file(spec)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        spec.fetch(path, lambda done, total: None)
    return spec.load(path)
