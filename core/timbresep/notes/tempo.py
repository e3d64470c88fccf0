"""Seconds at positions of a score, whose tempo changes by steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class TempoChange:
    """From `position` on, a unit of position (a quarter note, a tick) lasts `seconds`."""

    position: float
    seconds: float


class TempoMap:
    """Where in time the positions of a score lie.

    Args:
        changes: in any order; of several at one position the last counts.
        initial: seconds of a unit before the first change.
    """

    def __init__(self, changes: Iterable[TempoChange], initial: float) -> None:
        self._positions, self._times, self._units = [0.0], [0.0], [initial]
        for change in sorted(changes, key=lambda change: change.position):
            now = self.seconds(change.position)
            self._positions.append(change.position)
            self._times.append(now)
            self._units.append(change.seconds)

    def seconds(self, position: float) -> float:
        """Seconds from the beginning to a position, which is not negative."""
        k = bisect_right(self._positions, position) - 1
        return self._times[k] + (position - self._positions[k]) * self._units[k]
