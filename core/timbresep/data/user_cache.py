"""Where rendered and prepared audio is kept, and weights of source models."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """`$TIMBRESEP_CACHE`, or the user's cache."""
    chosen = os.environ.get("TIMBRESEP_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "timbresep"
