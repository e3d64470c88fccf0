"""Tasks for engines, and ways to die of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.errors import AudioError, ConfigError
from timbresep.separation.batch import separate_batch
from timbresep.separation.batch_setup import Many, Opening
from timbresep.separation.options import SeparationOptions
from timbresep.separation.output import Output
from timbresep.separation.separator import Separator


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


@dataclass(frozen=True)
class DyingOnce(Opening):
    """Opens a separator, but the first process that tries dies.

    Attributes:
        mark: a file that says whether one has died.
    """

    mark: Path = Path()

    def open(self) -> Separator:
        if not self.mark.exists():
            self.mark.touch()
            _die()
        return super().open()


def two_songs(folder: Path) -> list[Path]:
    """Two recordings of a second, and a file that is none."""
    wave, rate = audio.read("data/starter/demo/mixture.flac", frames=2 * 44_100)
    songs = [folder / "one.wav", folder / "two.wav"]
    for song, part in zip(songs, np.split(wave, 2, axis=1), strict=True):
        audio.write(song, part, rate)
    (folder / "bad.wav").write_text("no audio")
    return [songs[0], folder / "bad.wav", songs[1]]


VIOLIN = Opening(("violin",), "universal", options=SeparationOptions(transcriber="none"))


def separated(songs: list[Path], out: Path, many: Many) -> dict[str, bytes]:
    """Separate songs with some workers; the stems' bytes. One of the songs is bad."""
    batch = separate_batch(VIOLIN.open(), songs, Output(out), many=many)
    assert [path.name for path, _ in batch.failed] == ["bad.wav"]
    assert len(batch.done) == len(songs) - 1
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*.wav")}
