"""Where a mutation's choices come from: a random generator, or hypothesis, which makes a failing
input as small as it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

Item = TypeVar("Item")


class Chance(Protocol):
    """The part of `numpy.random.Generator` that mutations use."""

    def random(self) -> float:
        """A number from 0 to below 1."""

    def integers(self, low: int, high: int | None = None) -> Any:
        """A whole number from `low`, or 0, to below `high`, or `low`."""

    def bytes(self, length: int) -> bytes:
        """Any bytes."""


class Drawn:
    """Choices that hypothesis makes.

    Args:
        draw: of a composite strategy.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def random(self) -> float:
        """As `Chance`."""
        return float(self._draw(st.integers(0, 9999))) / 10_000

    def integers(self, low: int, high: int | None = None) -> int:
        """As `Chance`."""
        first, last = (0, low) if high is None else (low, high)
        return int(self._draw(st.integers(first, last - 1)))

    def bytes(self, length: int) -> bytes:
        """As `Chance`."""
        return bytes(self._draw(st.binary(min_size=length, max_size=length)))


def pick(chance: Chance, options: Sequence[Item]) -> Item:
    """One of some options."""
    return options[int(chance.integers(len(options)))]


@st.composite
def inputs(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    seeds: Sequence[bytes],
    mutate: Callable[[bytes, Chance], bytes],
) -> bytes:
    """A strategy of mutated files.

    Args:
        draw: hypothesis gives it.
        seeds: whole files.
        mutate: makes another file of one.
    """
    chance = Drawn(draw)
    return mutate(pick(chance, seeds), chance)
