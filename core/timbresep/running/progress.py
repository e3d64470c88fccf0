"""How a long operation reports its progress."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and what to show beside it."""

CountDone = Callable[[int, int], None]
"""Called with how many things are done, and how many there are."""

Item = TypeVar("Item", bound=Hashable)


class Work(Generic[Item]):
    """Progress through items of unequal size, such as files of some seconds.

    Args:
        sizes: item → its size.
        report: called with the item at work, the size of what is done, and the size of all.
    """

    def __init__(
        self, sizes: Mapping[Item, float], report: Callable[[Item, float, float], None] | None
    ) -> None:
        self._sizes, self._report = dict(sizes), report
        self._all, self._done = sum(self._sizes.values()), 0.0
        self._begun: dict[Item, float] = {}

    def within(self, item: Item, done: float) -> None:
        """So much of an item is done; several may be at work at a time."""
        self._begun[item] = min(done, self._sizes.get(item, 0.0))
        self._tell(item)

    def finished(self, item: Item) -> None:
        """An item is done."""
        self._begun.pop(item, None)
        self._done += self._sizes.pop(item, 0.0)
        self._tell(item)

    def failed(self, item: Item) -> None:
        """An item will not be done: it no longer counts."""
        self._begun.pop(item, None)
        self._all -= self._sizes.pop(item, 0.0)
        self._tell(item)

    def _tell(self, item: Item) -> None:
        if self._report is not None:
            done = self._done + sum(self._begun.values())
            self._report(item, min(done, self._all), self._all)
