"""Workers that are processes of this machine. Each has a pipe, through which its tasks come."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from timbresep.engines.crew import Died, Refused, Setup, Share, Worker, attempt
from timbresep.errors import TimbresepError
from timbresep.running.interrupts import leave_to_parent, starting_workers

PATIENCE_S = 10.0
"""Seconds that a worker gets to put things in order; one at work notices at its next block."""


class ProcessWorker:
    """A process that does tasks.

    Args:
        setup: what it opens its tool from.
        threads: that it computes with.
    """

    def __init__(self, setup: Setup[Any, Any], threads: int) -> None:
        context = get_context("spawn")  # a forked one would share threads' locks
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, setup, threads), daemon=True)
        with _math_threads(threads), starting_workers():
            self.process.start()
        theirs.close()

    def give(self, task: Any) -> None:
        """Let it begin a task. That it is dead shows when its answer is asked for."""
        with contextlib.suppress(OSError):
            self.pipe.send(task)

    def answer(self) -> Any:
        """What it has to say."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return Died()

    def stop(self) -> None:
        """Listen no more: what it says next goes nowhere, which ends its task."""
        self.pipe.close()

    def dismiss(self) -> None:
        """End it, if it has to be by force."""
        self.stop()
        self.process.join(PATIENCE_S)
        self.process.kill()
        self.process.join()


class ProcessCrew:
    """Hires processes.

    Args:
        setup: what each opens its tool from.
        workers: how many there will be; they share the cores.
    """

    def __init__(self, setup: Setup[Any, Any], workers: int) -> None:
        self._setup, self._threads = setup, threads_of(workers)

    def hire(self) -> ProcessWorker:
        """Start a process."""
        return ProcessWorker(self._setup, self._threads)

    def answers(self, busy: Iterable[Worker]) -> Iterator[tuple[Worker, Any]]:
        """Wait until some have something to say."""
        by_pipe = {worker.pipe: worker for worker in busy if isinstance(worker, ProcessWorker)}
        for pipe in wait(list(by_pipe)):
            worker = by_pipe[pipe]  # type: ignore[index]  # what `wait` was given
            yield worker, worker.answer()


def threads_of(workers: int) -> int:
    """With how many threads each of some workers computes."""
    return max(1, (os.cpu_count() or 1) // workers)


def begin(threads: int) -> None:
    """Prepare a process for work: the one that hired it has logged the notices."""
    import torch

    logging.getLogger("timbresep").setLevel(logging.ERROR)
    torch.set_num_threads(threads)


def _work(pipe: Connection, setup: Setup[Any, Any], threads: int) -> None:
    """The life of a process: open the tool, do tasks, until nobody listens any more."""
    leave_to_parent()
    with contextlib.suppress(EOFError, ConnectionError):
        begin(threads)
        try:
            tool = setup.open()
        except TimbresepError as error:
            pipe.send(Refused(error, opened=False))
            return
        while True:
            pipe.send(attempt(tool, pipe.recv(), lambda done: pipe.send(Share(done))))


@contextlib.contextmanager
def _math_threads(count: int) -> Iterator[None]:
    """Processes started inside use so many threads for linear algebra."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
