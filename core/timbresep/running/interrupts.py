"""Signals that ask a program to end: which they are, when they act, and in which process."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
STOPS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
"""Ctrl-C; batch systems and `kill`; a closed terminal; a batch system's warning of the limit."""

PATIENCE = 1.0
"""Seconds within which several signals are one request: shell and terminal both send SIGHUP."""

LOOK = 1.0
"""Seconds between two checks of a worker that its parent lives."""


@contextmanager
def as_interrupts() -> Iterator[None]:
    """Turn signals that ask a program to end into one `KeyboardInterrupt`, in the main thread.

    It comes once, so that what is put in order then is not interrupted itself: only a Ctrl-C
    interrupts again, a second later. What a shell has told the program to ignore stays ignored
    (SIGHUP by nohup, SIGINT by `&`), but for SIGTERM.
    """
    if not _in_main_thread():
        yield
        return
    first: float | None = None

    def interrupt(number: int, _: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if first is not None and (number != signal.SIGINT or now - first < PATIENCE):
            return
        first = now
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in STOPS}
    try:
        for number, handler in before.items():
            if handler != signal.SIG_IGN or number == signal.SIGTERM:
                signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        atexit.unregister(_ignore)
        atexit.register(_ignore)  # now, to come first


def _ignore() -> None:
    """Ignore further signals while the program ends: its work is done and reported."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[Callable[[], bool]]:
    """Let signals wait for the end of a block, so that none leaves it half done.

    The block can ask whether one waits.

    All handlers that are written in Python wait, whoever set them, as each of them may raise. Only
    a Ctrl-C a second or more after the first signal acts at once. Where handlers never run, in
    other threads than the main one, there is nothing to hold.
    """
    if not _in_main_thread():
        yield lambda: False
        return
    handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
    for known in signal.valid_signals():
        if callable(handler := signal.getsignal(known)):
            handlers[known] = handler
    noted: dict[int, float] = {}
    over = False

    def note(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        impatient = number == signal.SIGINT and noted and now - min(noted.values()) > PATIENCE
        if over or impatient:
            handlers[number](number, frame)
        else:
            noted.setdefault(number, now)

    try:
        for number in handlers:
            signal.signal(number, note)
        yield lambda: bool(noted)
    finally:
        over = True
        for number, handler in handlers.items():
            if signal.getsignal(number) is note:
                signal.signal(number, handler)
        for number in noted:
            handlers[number](number, None)


@contextmanager
def starting_workers() -> Iterator[None]:
    """Start processes in this block which no signal reaches before they call `leave_to_parent`.

    Semaphores, events and queues that are not for forked processes are made in a block of their
    own before: the first one starts a process that watches over them, and unblocks signals here.
    """
    with held():
        if sys.platform == "win32":
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_to_parent(*_: object) -> None:
    """Let a worker process end only when its parent asks for it, or has ended.

    Terminals and batch systems signal all processes of a group. Only the parent knows what is to be
    finished first, and it needs its workers for that. An interrupted parent may stop listening
    while it is handed a tensor; that is no error to report.
    """
    sys.excepthook = _report_unless_disconnected
    for number in STOPS:
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":  # only there is the sender of a SIGTERM known
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=_heed_parent, args=[os.getppid()], daemon=True).start()


def _report_unless_disconnected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if not issubclass(kind, (EOFError, ConnectionError)):
        sys.__excepthook__(kind, error, trace)


def _heed_parent(began_under: int) -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if sys.platform != "linux" or parent is None:
        return
    while True:
        told = signal.sigtimedwait([signal.SIGTERM], LOOK)
        orphan = os.getppid() != began_under or not parent.is_alive()
        if orphan or (told is not None and told.si_pid == parent.pid):
            os._exit(0)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
