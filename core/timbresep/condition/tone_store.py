"""A file of tone tables by name: what the conditions of a track's stems are drawn from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from safetensors.numpy import save as to_bytes

from timbresep.condition.tone_table import ToneTable
from timbresep.errors import CheckpointError, DataError
from timbresep.files import write_bytes
from timbresep.formats.tensor_file import opened, read_json, read_one

FORMAT = "timbresep-tones"
ARRAYS = tuple(field.name for field in fields(ToneTable))


def write(path: Path, tables: Mapping[str, ToneTable]) -> None:
    """Write tables by name as safetensors, atomically."""
    arrays = {f"{name}/{a}": getattr(table, a) for name, table in tables.items() for a in ARRAYS}
    write_bytes(path, to_bytes(arrays, {FORMAT: json.dumps({"names": list(tables)})}))


def names(path: Path) -> list[str]:
    """Names of the tables in a file.

    Raises:
        DataError: not such a file, or a cut one.
    """
    try:
        found = read_json(path, FORMAT).get("names")
        with opened(path, "numpy") as file:
            there = set(file.keys())
    except CheckpointError as error:
        raise _unusable(path) from error
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise _unusable(path)
    if {f"{name}/{a}" for name in found for a in ARRAYS} - there:
        raise _unusable(path)
    return found


def read(path: Path, name: str) -> ToneTable:
    """One table of a file.

    Raises:
        DataError: not such a file, a cut one, none of that name in it, or no tones in it.
    """
    try:
        with opened(path, "numpy") as file:
            arrays = (read_one(path, file, f"{name}/{a}", ("F32",)) for a in ARRAYS)
            return ToneTable(*arrays).checked()
    except (CheckpointError, ValueError) as error:  # ValueError: an array that NumPy cannot have
        raise _unusable(path) from error


def _unusable(path: Path) -> DataError:
    return DataError(
        f"{path}: not a whole file of tone tables",
        "remove the track's folder and render it again",
    )
