"""The processes of `train --devices`: this one starts and watches them, or is one of them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from timbresep.commands.console import be_quiet
from timbresep.commands.resuming import go_on, with_out
from timbresep.errors import InterruptedRunError, MissingToolError, PeerLostError, TrainingError
from timbresep.running.ranks import (
    GONE,
    INSTALL,
    rank_here,
    start,
    started_by_others,
    watched,
)

if TYPE_CHECKING:
    from timbresep.training.request import RunSettings


def start_ranks(settings: RunSettings, state: str) -> None:
    """Run this command once for each process, and end as they end.

    Args:
        settings: of the run.
        state: file in its folder that it can resume from.

    Raises:
        MissingToolError: Lightning Fabric is not installed.
        TrainingError: the machines are several, or a process was killed.
        KeyboardInterrupt: the processes were asked to end.
        SystemExit: a process has failed and has said why.
    """
    if find_spec("lightning_fabric") is None:
        raise MissingToolError("several processes need lightning-fabric", INSTALL)
    if settings.nodes > 1:
        raise TrainingError(
            f"the processes of {settings.nodes} machines are not started by this one",
            "start the same command on all of them with torchrun or srun",
        )
    program, *given = sys.argv
    script = [program] if program.endswith("cli.py") else ["-m", "timbresep"]
    ended = start([*script, *with_out(given, settings.out)], settings.devices)
    if ended.interrupted:
        raise KeyboardInterrupt
    if ended.rank is None:
        return
    if ended.code > 0:
        raise SystemExit(ended.code)
    name = signal.Signals(-ended.code).name
    why = ", perhaps for want of memory" if name == "SIGKILL" else ""
    kept = (settings.out / state).exists()
    raise TrainingError(
        f"process {ended.rank} of {settings.devices} was ended by {name}{why}"
        + (f"; the run is kept in {settings.out}" if kept else ""),
        go_on(settings.out) if kept else "start it again",
    )


@contextmanager
def as_rank(settings: RunSettings) -> Iterator[bool]:
    """Be one process of a run, and learn whether it is the one that tells.

    The others print errors of their own only. Where `start_ranks` watches, it tells of
    interrupts and of processes that are gone, and nobody else does.

    Raises:
        TrainingError: more processes were started than the run has.
    """
    if settings.processes == 1:
        if started_by_others():
            raise TrainingError(
                "torchrun or srun has started several processes for a run of one",
                "say with --devices, and --nodes, how many there are",
            )
        yield True
        return
    leads = rank_here() == 0
    if not leads:
        be_quiet(True)
    try:
        yield leads
    except PeerLostError:
        if watched():
            raise SystemExit(GONE) from None
        raise
    except (KeyboardInterrupt, InterruptedRunError):
        if watched() or not leads:
            raise SystemExit(GONE) from None
        raise
