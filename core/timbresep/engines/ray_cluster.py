"""Workers that are actors of a Ray cluster: the one way to Ray.

All machines of the cluster need this program and the same folders. An actor opens its tool once,
and has one task at a time; Ray's own queue stays empty.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from timbresep.engines.crew import Died, Refused, Setup, Tool, Worker, attempt
from timbresep.engines.processes import begin, threads_of
from timbresep.errors import MissingToolError, TimbresepError

LOOK_S = 1.0
"""Seconds between two looks, so that Ctrl-C is heard."""


class Actor:
    """What lives in a process of the cluster.

    Args:
        setup: what it opens its tool from.
        threads: that it computes with.
        folder: the one that the program runs in, which relative paths start from.
    """

    def __init__(self, setup: Setup[Any, Any], threads: int, folder: str) -> None:
        begin(threads)
        self._setup, self._folder = setup, folder
        self._tool: Tool[Any, Any] | None = None

    def do(self, task: Any) -> Any:
        """The answer to a task."""
        if self._tool is None:
            try:
                os.chdir(self._folder)
                self._tool = self._setup.open()
            except TimbresepError as error:
                return Refused(error, opened=False)
            except OSError as error:
                said = f"{self._folder} on {socket.gethostname()}: {error.strerror}"
                hint = "let all machines of the cluster see the same folders"
                return Refused(TimbresepError(said, hint), opened=False)
        return attempt(self._tool, task, lambda _: None)


class RayWorker:
    """An actor, and the task that it has."""

    def __init__(self, actor: Any) -> None:
        self.actor, self.ref = actor, None

    def give(self, task: Any) -> None:
        """Let it begin a task."""
        self.ref = self.actor.do.remote(task)

    def stop(self) -> None:
        """Nothing is to be waited for: see `dismiss`."""

    def dismiss(self) -> None:
        """End it at once; what it has written of a task is swept by the next run."""
        import ray

        ray.kill(self.actor)


class RayCrew:
    """Hires actors.

    Args:
        setup: what each opens its tool from.
        workers: how many there will be.
        address: of the cluster; None starts one on this machine, which ends with the program.

    Raises:
        MissingToolError: Ray is not installed.
        TimbresepError: the cluster does not answer.
    """

    def __init__(self, setup: Setup[Any, Any], workers: int, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ModuleNotFoundError as error:
            raise MissingToolError("Ray is missing", "pip install 'timbresep[ray]'") from error
        own = {} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            if not ray.is_initialized():
                quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
                ray.init(address=address or "local", **quiet, **own)
        except (ConnectionError, RuntimeError, ValueError) as error:
            said = str(error).splitlines()[0]
            raise TimbresepError(
                f"the Ray cluster at {address or 'this machine'} does not answer: {said}",
                "see `ray status`",
            ) from error
        cards = float(ray.cluster_resources().get("GPU", 0)) / workers
        self._hire = ray.remote(Actor).options(num_cpus=1, num_gpus=min(1.0, cards))
        self._setup = ray.put(setup)
        self._threads = 1 if address else threads_of(workers)

    def hire(self) -> RayWorker:
        """Start an actor where the cluster has room."""
        return RayWorker(self._hire.remote(self._setup, self._threads, os.getcwd()))  # noqa: PTH109

    def answers(self, busy: Iterable[Worker]) -> Iterator[tuple[Worker, Any]]:
        """Wait until one has done its task, or died of it."""
        import ray
        from ray.exceptions import RayActorError

        by_ref = {worker.ref: worker for worker in busy if isinstance(worker, RayWorker)}
        done, _ = ray.wait(list(by_ref), num_returns=1, timeout=LOOK_S)
        for ref in done:
            try:
                yield by_ref[ref], ray.get(ref)
            except RayActorError as error:
                yield by_ref[ref], Died(str(error).strip().splitlines()[-1])
