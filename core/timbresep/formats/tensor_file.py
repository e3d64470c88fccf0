"""safetensors files from any source: kinds and shapes are checked before reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from safetensors import SafetensorError, safe_open

from timbresep.errors import CheckpointError, ConfigError
from timbresep.formats.notation import parse_json

FLOATS = ("F16", "BF16", "F32", "F64")
KINDS = (*FLOATS, "I16", "I64")
"""Kinds of numbers that are written here, and those that people convert weights to."""

MOST_AXES = 8


def read_tensors(path: Path, kinds: tuple[str, ...] = KINDS) -> dict[str, Any]:
    """All tensors of a file by name, on the CPU.

    Raises:
        CheckpointError: missing, truncated, not safetensors, or a tensor of another kind.
    """
    with opened(path) as file:
        return {name: read_one(path, file, name, kinds) for name in file.keys()}  # noqa: SIM118


def read_one(path: Path, file: Any, name: str, kinds: tuple[str, ...] = KINDS) -> Any:
    """A tensor of an open file; errors as `read_tensors`."""
    found = file.get_slice(name)
    kind, shape = found.get_dtype(), found.get_shape()
    # A tensor without values may claim any other size.
    if kind not in kinds or len(shape) > MOST_AXES or max(shape, default=0) > path.stat().st_size:
        raise CheckpointError(f"{path}: '{name}' is a tensor of another kind: {kind} {shape[:9]}")
    return file.get_tensor(name)


def read_json(path: Path, key: str) -> dict[str, Any]:
    """The mapping that a file's header holds as JSON under `key`.

    Raises:
        CheckpointError: as `read_tensors`; or none is there.
    """
    with opened(path) as file:
        text = (file.metadata() or {}).get(key)
    try:
        data = parse_json(text or "", f"{path}, '{key}'")
    except ConfigError as error:
        raise CheckpointError(f"{path}: not a timbresep file (no '{key}' metadata)") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path}: '{key}' metadata is not a mapping")
    return data


@contextmanager
def opened(path: Path, framework: Literal["pt", "numpy"] = "pt") -> Iterator[Any]:
    """An open safetensors file; what goes wrong while it is read is a CheckpointError."""
    try:
        if not path.is_file():
            raise CheckpointError(f"{path}: no such checkpoint")
        with path.open("rb") as held, safe_open(_named(path, held), framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({error})", "it was cut short or is not ours"
        ) from error


def _named(path: Path, held: BinaryIO) -> str:
    """A name that safetensors can open: it knows none with bytes that are not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return f"/dev/fd/{held.fileno()}"
    return str(path)
