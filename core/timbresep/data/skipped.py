"""Stems that could not be read when they were drawn: each is logged once, and counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

TOLD = 20  # files that are logged one by one


class Skipped:
    """What was skipped, by file.

    A process that mixes collects with `met` and hands over with `take`; the one that trains tells
    and counts with `add`.

    Attributes:
        reasons: file → what is wrong with it.
        mixtures: file → mixtures that had to do without it.
    """

    def __init__(self) -> None:
        self.reasons: dict[Path, str] = {}
        self.mixtures = Counter[Path]()

    def met(self, path: Path, reason: str) -> None:
        """A mixture has to do without a file."""
        self.reasons.setdefault(path, reason)
        self.mixtures[path] += 1

    def take(self) -> Skipped:
        """All that has been met since the last time."""
        taken = Skipped()
        taken.reasons, taken.mixtures = self.reasons, self.mixtures
        self.reasons, self.mixtures = {}, Counter()
        return taken

    def add(self, other: Skipped) -> None:
        """Add what another process met; files that are new are logged."""
        for path, reason in other.reasons.items():
            if path not in self.reasons:
                self.reasons[path] = reason
                if len(self.reasons) <= TOLD:
                    log.warning("%s; skipped wherever it cannot be read", reason)
                if len(self.reasons) == TOLD:
                    log.warning("further files are counted; `data check --decode` lists them")
        self.mixtures.update(other.mixtures)

    def told(self) -> list[tuple[str, tuple[str, int]]]:
        """All of it, as JSON can hold it: by file, the reason and how many mixtures."""
        return [(str(path), (why, self.mixtures[path])) for path, why in self.reasons.items()]

    @classmethod
    def heard(cls, told: Iterable[Sequence[Any]]) -> Skipped:
        """What `told` gave in another process."""
        skipped = cls()
        for name, (why, times) in told:
            skipped.reasons[Path(name)], skipped.mixtures[Path(name)] = why, times
        return skipped

    def summary(self) -> str:
        """How much was skipped, in one line; empty when nothing was."""
        if not self.reasons:
            return ""
        times = self.mixtures.total()
        return (
            f"{len(self.reasons)} stems could not be read, {times} times; `data check "
            "--decode` says which and why"
        )
