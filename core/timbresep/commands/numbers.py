"""Options that are numbers: within bounds, and one line when they are not."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import typer

from timbresep.errors import ConfigError

MOST_PROCESSES = max(16, 4 * (os.cpu_count() or 1))
LARGEST_SEED = 2**32 - 1
MANY = 10**9
"""Upper bound of steps and the like; arithmetic with it stays exact."""

Value = float | str | tuple[float, ...] | None


def whole(*names: str, help: str, least: int, most: int, **more: Any) -> Any:
    """An option that is a whole number; arguments as `number`."""
    return _option(names, help, least, most, int, "<int>", **more)


def number(*names: str, help: str, least: float, most: float, **more: Any) -> Any:
    """An option that is a number within bounds; `nan` never is.

    Args:
        names: the option's, if they do not follow from the parameter.
        help: what it is.
        least, most: the bounds, which `--help` shows.
        more: arguments of `typer.Option`.
    """
    return _option(names, help, least, most, float, "<number>", **more)


def span(*names: str, help: str, least: float, most: float) -> Any:
    """An option that is a pair of numbers, the smaller one first; arguments as `number`."""
    return _option(names, help, least, most, None, None)


def _option(
    names: tuple[str, ...],
    help: str,
    least: float,
    most: float,
    convert: Callable[[str], float] | None,
    shown: str | None,
    **more: Any,
) -> Any:
    kind = "a whole number" if convert is int else "a number"
    expected = f"expected {kind} from {least:.12g} to {most:.12g}"

    def check(parameter: typer.CallbackParam, value: Value) -> Value:
        option = parameter.opts[0]
        if value is None:
            return None
        values = value if isinstance(value, tuple) else (_number(value),)
        if not all(least <= one <= most for one in values):  # nan is not
            given = " ".join(map(str, value)) if isinstance(value, tuple) else value
            raise ConfigError(f"{option} {given}: {expected}")
        if list(values) != sorted(values):
            raise ConfigError(f"{option}: {values[0]:g} is more than {values[1]:g}")
        return value if isinstance(value, tuple) else values[0]

    def _number(text: float | str) -> float:
        """The value; nan, which is within no bounds, where it is no number."""
        try:
            return convert(str(text)) if convert else math.nan
        except ValueError:
            return math.nan

    parser = str if convert else None
    bounds = f"at least {least:.12g}" if most == MANY else f"{least:.12g} to {most:.12g}"
    return typer.Option(
        *names, help=f"{help} ({bounds})", callback=check, parser=parser, metavar=shown, **more
    )
