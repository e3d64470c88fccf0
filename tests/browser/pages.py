"""Waiting for what a page does."""

from __future__ import annotations

import time
from typing import Any


def until(page: Any, script: str, seconds: float = 10.0) -> None:
    """Wait until a script's value is true; the page's own policy forbids playwright's way."""
    end = time.monotonic() + seconds
    while not page.evaluate(script):
        assert time.monotonic() < end, f"in vain: {script}"
        page.wait_for_timeout(50)
