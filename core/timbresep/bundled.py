"""Where what ships lies: beside the code in an installed package, at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "bundled"

ROOT = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2]
"""The folder of `registry.yaml`, `plugins/`, `separators/` and `data/starter/`."""
