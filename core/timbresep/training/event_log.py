"""TensorBoard's event files, without TensorFlow and without a thread of its own."""

from __future__ import annotations

import itertools
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import torch
from numpy.typing import NDArray

from timbresep.files import refusal

_numbers = itertools.count()


class EventLog:
    """Writes events into a folder.

    TensorBoard's own writer does so in a thread, where a full disk is a traceback, and whatever
    is logged next an error. Here each event is written at once, and an error is the caller's.

    Args:
        folder: it is made with the first event.
        after: the step that a run goes on from: what was logged after it is forgotten.
    """

    def __init__(self, folder: Path, after: int | None = None) -> None:
        self.folder, self.after = folder, after
        self._file: BinaryIO | None = None

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers by name."""
        for name, value in values.items():
            self._write(step, _summary().scalar(name, value))

    def audio(self, name: str, wave: torch.Tensor, step: int, rate: int) -> None:
        """Log a waveform (1, samples) between ±1."""
        self._write(step, _summary().audio(name, wave, sample_rate=rate))

    def image(self, name: str, picture: NDArray[Any], step: int) -> None:
        """Log a picture (height, width, colours)."""
        self._write(step, _summary().image(name, picture, dataformats="HWC"))

    def close(self) -> None:
        """Close the file; every event is in it already."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, step: int, summary: object) -> None:
        try:
            if self._file is None:
                self._file = self._open()
            _record(self._file, step=step, summary=summary)
        except OSError as error:
            raise refusal(self.folder, error) from error

    def _open(self) -> BinaryIO:
        self.folder.mkdir(parents=True, exist_ok=True)
        who = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        file = (self.folder / f"events.out.tfevents.{int(time.time()):010d}.{who}").open("xb")
        _record(file, file_version="brain.Event:2")
        if self.after is not None:
            from tensorboard.compat.proto.event_pb2 import SessionLog

            _record(file, step=self.after + 1, session_log=SessionLog(status=SessionLog.START))
        return file


def _record(file: BinaryIO, **fields: object) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    event = Event(wall_time=time.time(), **fields)
    RecordWriter(file).write(event.SerializeToString())
    file.flush()


def _summary() -> Any:
    """The functions that make events.

    To load them loads TensorFlow wherever that is installed, seconds before the first step, unless
    a module of this name is there; see `tensorboard.compat.tf`.
    """
    if "tensorflow" not in sys.modules:
        name = "tensorboard.compat.notf"
        sys.modules.setdefault(name, ModuleType(name))
    from torch.utils.tensorboard import summary

    return summary
