"""What a shell offers for the values of options."""

from __future__ import annotations

from timbresep.registry.registry import Registry


def instruments(incomplete: str) -> list[str]:
    """Names of instruments, after what was named before with commas."""
    before, comma, last = incomplete.rpartition(",")
    names = ["all", *(item.name for item in Registry.load().instruments())]
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def separators(incomplete: str) -> list[str]:
    """Names of listed separators."""
    names = Registry.load().separators.config.separators
    return [name for name in names if name.startswith(incomplete)]
