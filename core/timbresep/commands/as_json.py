"""Results as JSON has them, the same way for every command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any


def as_json(value: object) -> Any:
    """A result as dictionaries, lists, texts, numbers, truth and null.

    Args:
        value: of these, or of dataclasses, paths, tuples, sets, NumPy's numbers and arrays.

    Returns:
        The same; null for a number that is not known (NaN) or is infinite.

    Raises:
        TypeError: it holds something else.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, (set, frozenset)):
        return [as_json(each) for each in sorted(value)]
    if isinstance(value, (list, tuple)):
        return [as_json(each) for each in value]
    if hasattr(value, "tolist"):  # NumPy's
        return as_json(value.tolist())
    raise TypeError(f"no JSON of {type(value).__name__}")
