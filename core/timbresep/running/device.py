"""Which device computes, and what it has no room for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from timbresep.errors import TimbresepError


def device_of(name: str) -> torch.device:
    """A device by name; auto is cuda where there is one, else cpu.

    Raises:
        TimbresepError: it cannot be used.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise TimbresepError(f"device '{name}' cannot be used", hint="use --device cpu") from error
    return device


@contextmanager
def enough_memory(device: torch.device) -> Iterator[None]:
    """A context in which a device that runs out of memory is a TimbresepError of one line."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TimbresepError(f"not enough memory on {device}", hint="use --device cpu") from error


def out_of_memory(error: BaseException) -> bool:
    """Whether an error is that of a device or of this machine without room."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
