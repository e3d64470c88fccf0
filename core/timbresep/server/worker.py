"""A process that does jobs: it can be stopped at once, and its death ends only itself.

What it is asked, and what it answers, goes through a pipe as JSON: nothing that a recording could
do to the worker makes the server run code.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from timbresep.errors import TimbresepError
from timbresep.running.interrupts import leave_to_parent, starting_workers
from timbresep.server.jobs import Job
from timbresep.server.settings import ServerSettings

log = logging.getLogger(__name__)

LOOK_S = 0.2
"""Seconds between two looks whether a job is to stop."""
LARGEST = 2**28
"""Bytes of an answer at most."""
TRIES = 2
"""How often a job is given to a worker: who dies of it twice would die of it again."""


class WorkerDiedError(Exception):
    """A worker has ended in the middle of a job."""


class Worker:
    """A process that does one job after another; it starts with the first.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def do(self, job: Job, order: Mapping[str, Any]) -> Any:
        """Have a job done; a new process does it again if this one dies.

        Args:
            job: takes the progress, and says when to stop.
            order: what is to be done, as JSON can hold it; see `Desk.do`.

        Raises:
            TimbresepError: the job is cancelled or takes too long; what the worker says; no
                worker survives the job.
        """
        for left in reversed(range(TRIES)):
            try:
                return self._once(job, order)
            except WorkerDiedError:
                log.warning("a worker died%s", "; another does its job" if left else "")
        raise TimbresepError(
            f"the work on it ended {TRIES} times before it was done",
            "it may need more memory than there is; try a shorter recording",
        )

    def _once(self, job: Job, order: Mapping[str, Any]) -> Any:
        pipe = self._started()
        try:
            pipe.send_bytes(json.dumps(order).encode())
            while True:
                if pipe.poll(LOOK_S):
                    answer = json.loads(pipe.recv_bytes(LARGEST))
                    if "share" not in answer:
                        break
                    job.report(float(answer["share"]))
                else:
                    job.report(job.share)
        except (EOFError, OSError) as error:
            self.stop()
            raise WorkerDiedError from error
        except BaseException:  # cancelled, or too slow
            self.stop()
            raise
        if "error" in answer:
            raise TimbresepError(str(answer["error"]), str(answer["hint"]))
        return answer["result"]

    def _started(self) -> Connection:
        """The pipe to a living process."""
        if self._process is not None and self._pipe is not None and self._process.is_alive():
            return self._pipe
        self.stop()
        context = get_context("spawn")  # a forked one would share threads' locks
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, self.settings), name="worker", daemon=True
        )
        with starting_workers():
            self._process.start()
        theirs.close()
        return self._pipe

    def stop(self) -> None:
        """End the process, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    @property
    def pid(self) -> int | None:
        """The number of its process; None while there is none."""
        return None if self._process is None else self._process.pid


class Workers:
    """As many workers as jobs are done at a time.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.all = [Worker(settings) for _ in range(settings.workers)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self.all:
            self._idle.put(worker)

    def do(self, job: Job, order: Mapping[str, Any]) -> Any:
        """Have a job done by one who is idle; as `Worker.do`."""
        with self._one() as worker:
            return worker.do(job, order)

    def stop(self) -> None:
        """End all processes."""
        for worker in self.all:
            worker.stop()

    @contextlib.contextmanager
    def _one(self) -> Iterator[Worker]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)


def _work(pipe: Connection, settings: ServerSettings) -> None:
    """The worker's own side: do what comes through the pipe until that is closed."""
    leave_to_parent()
    import torch

    from timbresep.server.work import Desk

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // settings.workers))

    desk = Desk(settings)

    def told(share: float) -> None:
        pipe.send_bytes(json.dumps({"share": share}).encode())

    with contextlib.suppress(EOFError, OSError):  # the server has ended
        while True:
            order = json.loads(pipe.recv_bytes(LARGEST))
            pipe.send_bytes(json.dumps(_answer(desk, order, told)).encode())


def _answer(desk: Any, order: Mapping[str, Any], told: Any) -> dict[str, Any]:
    """What comes of an order: its result, or an error in words."""
    try:
        return {"result": desk.do(order, told)}
    except TimbresepError as error:
        return {"error": error.message, "hint": error.hint}
    except BrokenPipeError:
        raise
    except OSError as error:
        return {"error": str(error), "hint": "check the free space of this machine"}
    except Exception as error:  # one bad job never ends the server
        log.exception("job failed")
        return {"error": f"internal error: {type(error).__name__}", "hint": ""}
