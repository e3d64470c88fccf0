"""What is being loaded at the moment, told to whoever shows it to those who wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_told: ContextVar[Callable[[str], None] | None] = ContextVar("told", default=None)


def loading(part: str) -> None:
    """Say that a part is loaded now.

    Args:
        part: what it is and its name, such as "network best.safetensors".
    """
    if (told := _told.get()) is not None:
        told(part)


@contextmanager
def told_of_loading(told: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, call `told` with each part that is loaded."""
    token = _told.set(told)
    try:
        yield
    finally:
        _told.reset(token)
