"""Tasks for engines, and ways to die of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from timbresep.errors import AudioError, ConfigError


@dataclass(frozen=True)
class Doubling:
    """Opens a tool that doubles numbers, and does as it is told instead of some.

    Attributes:
        folder: for marks of what happened.
        opens: whether it can be opened: "yes", "no" (an error), or "dies".
    """

    folder: Path
    opens: str = "yes"

    def open(self) -> Doubler:
        if self.opens == "no":
            raise ConfigError("nothing to open", "find it")
        if self.opens == "dies":
            _die()
        (self.folder / f"opened-{os.getpid()}").touch()
        return Doubler(self.folder)


@dataclass(frozen=True)
class Doubler:
    folder: Path

    def do(self, task: object, report: Callable[[float], None]) -> int:
        if task == "die once" and not (died := self.folder / "died").exists():
            died.touch()
            _die()
        if task == "die":
            _die()
        if task == "refuse":
            raise AudioError("it cannot be done", "try another")
        if task == "no file":
            (self.folder / "missing").read_bytes()
        if task == "long":
            self._long(report)
        return 2 * task if isinstance(task, int) else 0

    def _long(self, report: Callable[[float], None]) -> None:
        """Works until nobody listens any more, and then puts things in order."""
        half = self.folder / "half done"
        half.touch()
        try:
            while True:
                report(0.5)
                time.sleep(0.01)
        finally:
            half.unlink()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
