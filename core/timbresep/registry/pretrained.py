"""Weights of source models on this machine: where they lie, what is missing, and getting them.

Beside each file of weights lies a record of its size and hash. So a file that was cut or changed is
found before it is used, whether it was fetched or is the user's own.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic

from timbresep.config import Model, load_json
from timbresep.data.user_cache import default_cache
from timbresep.errors import (
    CheckpointError,
    ConfigError,
    MissingToolError,
    OutputError,
    OutputExistsError,
    PluginError,
)
from timbresep.files import atomic_writes, sha256_of
from timbresep.hookspecs import Fetched, SourceModelSpec, missing_packages

if TYPE_CHECKING:
    from timbresep.source_model import SourceModel

BLOCK = 1 << 20  # bytes copied at once


class Record(Model):
    """What is known of a file of weights.

    Attributes:
        sha256: its hash.
        size: its bytes.
        origin: the file that it was copied from; empty: it was fetched.
    """

    sha256: str = pydantic.Field(pattern=r"^[0-9a-f]{64}$")
    size: pydantic.PositiveInt
    origin: str = ""


def weights_file(spec: SourceModelSpec) -> Path:
    """Where the weights of a source model are kept."""
    return default_cache() / "models" / f"{spec.name}.safetensors"


def record_file(spec: SourceModelSpec) -> Path:
    """Where the record of them is kept."""
    return weights_file(spec).with_suffix(".json")


def missing(spec: SourceModelSpec, weights: Path | None = None) -> str:
    """What a source model lacks, and how to get it, in one line; empty if it is ready.

    Args:
        spec: the source model.
        weights: a file of weights in place of those that are kept.

    Raises:
        PluginError: its plugin fails to say.
    """
    if lacks := missing_packages(spec.packages):
        return lacks
    if weights is None and not weights_file(spec).is_file() and not _at_hand(spec):
        return f"needs its weights: `models get {spec.name}`"
    return ""


def check_kept(spec: SourceModelSpec) -> None:
    """Look whether weights that are kept have a record, and its size.

    Raises:
        CheckpointError: they are damaged.
    """
    if weights_file(spec).is_file():
        _record(spec)


def state(spec: SourceModelSpec) -> str:
    """As `missing`, for a table: also of weights that were cut, or are the user's own."""
    lacks = missing(spec)
    if lacks:
        return lacks
    if not weights_file(spec).is_file():
        return "ready: an installed package holds its weights"
    try:
        record = _record(spec)
    except CheckpointError as error:
        return f"damaged: {error.hint}"
    return f"ready, with weights from {Path(record.origin).name}" if record.origin else "ready"


def load(spec: SourceModelSpec, weights: Path | None = None) -> SourceModel:
    """Build a source model.

    Args:
        spec: the source model.
        weights: a file of weights in place of those that are kept.

    Raises:
        MissingToolError: a package or the weights are missing.
        CheckpointError: the weights are damaged, or another network's.
        OutputError: weights that are at hand cannot be written.
    """
    lacks = missing(spec, weights)
    if lacks:
        raise MissingToolError(f"source model '{spec.name}' {lacks}")
    if weights is None:
        if not weights_file(spec).is_file():
            get(spec)
        kept(spec)
    return spec.load(weights or weights_file(spec))


def kept(spec: SourceModelSpec) -> Record:
    """The record of weights that are kept, once it is sure that they are whole.

    Raises:
        CheckpointError: they are missing, or were cut or changed since they came.
    """
    record = _record(spec)
    if sha256_of(weights_file(spec)) != record.sha256:
        raise _damaged(spec)
    return record


def get(
    spec: SourceModelSpec,
    source: Path | None = None,
    report: Fetched = lambda done, total: None,
    *,
    replace: bool = False,
) -> Record:
    """Fetch the weights of a source model, or take them from a file; keep them and their record.

    Weights that are there and damaged are replaced.

    Args:
        spec: the source model.
        source: a safetensors file of the user's.
        report: told how many bytes are there, and how many there will be.
        replace: also replace weights that are there and whole.

    Raises:
        OutputExistsError: weights are there and whole.
        MissingToolError: a package is missing.
        CheckpointError: the weights cannot be had, are damaged, or are another network's.
        OutputError: they cannot be written.
    """
    path = weights_file(spec)
    lacks = missing(spec, path)
    if lacks:
        raise MissingToolError(f"source model '{spec.name}' {lacks}")
    if not replace and whole(spec):
        raise OutputExistsError(
            f"the weights of '{spec.name}' are there already: {path}", "--overwrite replaces them"
        )
    if source:
        spec.load(source)  # or it is refused
    _check_room(path, source.stat().st_size if source else spec.size)
    with atomic_writes([path, record_file(spec)]) as (weights, record_path):
        if source:
            _copy(source, weights, report)
        else:
            spec.fetch(weights, report)
        record = Record(
            sha256=sha256_of(weights),
            size=weights.stat().st_size,
            origin=str(source.resolve()) if source else "",
        )
        if not source and spec.sha256 not in ("", record.sha256):
            raise CheckpointError(
                f"what was fetched for '{spec.name}' is not what was published",
                f"try `models get {spec.name}` again",
            )
        spec.load(weights)
        record_path.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return record


def whole(spec: SourceModelSpec) -> bool:
    """Whether the weights are kept and as they came."""
    try:
        kept(spec)
    except CheckpointError:
        return False
    return True


def _at_hand(spec: SourceModelSpec) -> bool:
    try:
        return spec.at_hand()
    except Exception as error:  # a plugin's code may raise anything
        raise PluginError(f"source model '{spec.name}': {type(error).__name__}: {error}") from error


def _record(spec: SourceModelSpec) -> Record:
    """The record of weights whose size is right; CheckpointError of others."""
    try:
        record = load_json(record_file(spec), Record)
        size = weights_file(spec).stat().st_size
    except (ConfigError, OSError) as error:
        raise _damaged(spec) from error
    if size != record.size:
        raise _damaged(spec)
    return record


def _damaged(spec: SourceModelSpec) -> CheckpointError:
    return CheckpointError(
        f"the weights of '{spec.name}' are damaged: {weights_file(spec)}",
        f"`models get {spec.name}` again",
    )


def _copy(source: Path, path: Path, report: Fetched) -> None:
    total = source.stat().st_size
    with source.open("rb") as read, path.open("wb") as write:
        while block := read.read(BLOCK):
            write.write(block)
            report(write.tell(), total)


def _check_room(path: Path, size: int) -> None:
    """Refuse at once what would not fit on the disk."""
    folder = next(place for place in path.parents if place.is_dir())
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OutputError(
            f"cannot write {path}: it needs {size / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free",
            "make room, or choose another folder with $TIMBRESEP_CACHE",
        )
