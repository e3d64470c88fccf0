"""The processes of one training on a machine: started together, watched, and ended together."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from timbresep.running.interrupts import held

Ranks = Sequence[subprocess.Popen[bytes]]

LAUNCHER = "TIMBRESEP_LAUNCHER"
"""Environment variable of the processes that `start` has started: its own process."""

INSTALL = "pip install -c constraints.txt '.[distributed]'"
"""The command for what several processes need."""

GONE = 75
"""Exit code of a process that ended only because others did or because it was asked to
(EX_TEMPFAIL of sysexits): it says nothing."""

GRACE = 60.0
"""Seconds that the others have to put things in order when one process has ended badly."""

LOOK = 0.1
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class Ended:
    """How the processes of a run have ended.

    Attributes:
        interrupted: they were asked to.
        rank: the one that failed by itself; None if none did.
        code: its exit code; the number of a signal that killed it is negative.
    """

    interrupted: bool
    rank: int | None = None
    code: int = 0


def watched() -> bool:
    """Whether `start` has started this process, and watches it."""
    return LAUNCHER in os.environ


def started_by_others() -> bool:
    """Whether this process is one of several: of `torchrun`, of SLURM's `srun`, or of `start`."""
    by_slurm = "SLURM_STEP_ID" in os.environ and os.environ.get("SLURM_NTASKS", "1") != "1"
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE") != "1"
    return watched() or by_slurm or by_torchrun


def rank_here() -> int:
    """The number of this process among those that it was started with."""
    if not started_by_others():
        return 0
    return int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or 0)


def orphaned() -> bool:
    """Whether the process that has started this one with `start` is gone."""
    return os.environ.get(LAUNCHER, str(os.getppid())) != str(os.getppid())


def start(command: Sequence[str], count: int) -> Ended:
    """Start a command several times, each with its rank in the environment, and see it to its end.

    A signal that asks this process to end is passed on. When a process fails, the others end by
    themselves, or are killed a minute later.

    Args:
        command: the words after Python's own name.
        count: processes.

    Raises:
        KeyboardInterrupt: as it came, when all have ended.
    """
    ranks: list[subprocess.Popen[bytes]] = []
    shared = {
        **os.environ,
        **{LAUNCHER: str(os.getpid()), "WORLD_SIZE": str(count), "NODE_RANK": "0"},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())},
    }
    if sys.platform == "linux":  # they need no network
        shared.setdefault("GLOO_SOCKET_IFNAME", "lo")
    shared.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # DDP says that it found nothing amiss
    with held() as waiting:
        try:
            for rank in range(count):
                given = {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}
                out = subprocess.DEVNULL if rank else None
                one = subprocess.Popen([sys.executable, *command], env=given, stdout=out)
                ranks.append(one)
            return _seen_to_the_end(ranks, waiting)
        finally:
            for process in ranks:
                process.kill()
                process.wait()


def _seen_to_the_end(ranks: Ranks, waiting: Callable[[], bool]) -> Ended:
    """Wait until all processes have ended."""
    told, failed, deadline = False, None, math.inf
    while any(process.poll() is None for process in ranks):
        if waiting() and not told:
            told = True
            for process in ranks:
                process.terminate()
        if failed is None:
            failed = _failed(ranks)
            deadline = math.inf if failed is None else time.monotonic() + GRACE
        if time.monotonic() > deadline:
            for process in ranks:
                process.kill()
        time.sleep(LOOK)
    if failed is None:
        failed = _failed(ranks)
    if failed is not None:
        return Ended(interrupted=told, rank=failed, code=ranks[failed].returncode)
    return Ended(interrupted=any(process.returncode == GONE for process in ranks))


def _failed(ranks: Ranks) -> int | None:
    """The first process that has failed by itself."""
    codes = [process.returncode for process in ranks]
    return next((rank for rank, code in enumerate(codes) if code not in (None, 0, GONE)), None)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
