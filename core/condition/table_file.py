"""A file of tone tables by name: what the conditions of a track's virtual stems are drawn from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from core.condition.tone_table import ToneTable
from core.config import atomic_write
from core.errors import DataError

FORMAT = "timbresep-tones"
ARRAYS = tuple(field.name for field in fields(ToneTable))


def write(path: Path, tables: Mapping[str, ToneTable], about: Mapping[str, Any]) -> None:
    """Write tables as safetensors, atomically.

    Args:
        path: the file.
        tables: by name.
        about: where they come from: anything JSON can hold.
    """
    arrays = {f"{name}/{a}": getattr(table, a) for name, table in tables.items() for a in ARRAYS}
    with atomic_write(path) as temporary:
        temporary.write_bytes(
            to_bytes(arrays, {FORMAT: json.dumps({**about, "names": list(tables)})})
        )


def names(path: Path) -> list[str]:
    """Names of the tables in a file.

    Raises:
        DataError: not such a file, or a cut one.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            found = json.loads((file.metadata() or {})[FORMAT])["names"]
            missing = {f"{name}/{a}" for name in found for a in ARRAYS} - set(file.keys())
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise _unusable(path) from error
    if missing:
        raise _unusable(path)
    return [str(name) for name in found]


def read(path: Path, name: str) -> ToneTable:
    """One table of a file.

    Raises:
        DataError: not such a file, a cut one, or none of that name in it.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return ToneTable(*(file.get_tensor(f"{name}/{a}") for a in ARRAYS))
    except (SafetensorError, OSError) as error:
        raise _unusable(path) from error


def _unusable(path: Path) -> DataError:
    return DataError(
        f"{path}: not a whole file of tone tables",
        "remove the track's folder and render it again",
    )
