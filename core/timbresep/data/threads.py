"""How many tracks are rendered and prepared at a time."""

from __future__ import annotations

import os


def workers() -> int:
    """A thread for each processor core, eight at most."""
    return max(1, min(8, os.cpu_count() or 1))
