"""The progress of a long operation: a bar on a terminal, log lines elsewhere; and the time left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from timbresep.commands.console import is_quiet, one_terminal, start_logging
from timbresep.formats.text import shown
from timbresep.running.loading import told_of_loading
from timbresep.running.progress import Progress

LINE_EVERY = 5.0
"""Seconds between two log lines of one operation, away from a terminal."""

log = logging.getLogger(__name__)


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Show the progress of a long operation; the block reports it by calling what it is given.

    What is printed meanwhile on a console of `commands.console` appears above the bar.
    """
    console = start_logging()
    if not console.is_interactive or is_quiet():
        yield _lines(title)
        return
    from rich.progress import (
        BarColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.fields[text]}", markup=False),
    )
    # what libraries print is not for a file that results go to: only a terminal's is caught
    with Bars(*columns, console=console, transient=True, redirect_stdout=one_terminal()) as bars:
        task = bars.add_task(shown(title), total=1.0, left="", text="")
        pace = _Pace()

        def update(share: float, text: str) -> None:
            bars.update(task, completed=share, left=pace.left(share), text=shown(text))

        yield update


EXPECT_AFTER = 20.0
"""Seconds of work after which it is said how long it takes: by then the pace is known."""


def with_expectation(update: Progress) -> Progress:
    """As a progress of `progress`, that says once, after its first steps, how long it will take."""
    began, pace, told = time.monotonic(), _Pace(), False

    def both(share: float, text: str) -> None:
        nonlocal told
        left = pace.left(share)
        if left and not told and time.monotonic() - began > EXPECT_AFTER:
            told = True
            log.info("at this pace, it ends in about %s", left.removesuffix(" left"))
        update(share, text)

    return both


@contextmanager
def working(title: str) -> Iterator[None]:
    """Show on a terminal that something goes on whose end is not known; elsewhere, nothing.

    Where parts of a separator are loaded meanwhile, it says which.
    """
    console = start_logging()
    if not console.is_interactive or is_quiet():
        yield
        return
    with console.status(f"{shown(title)} …") as status:

        def tell(part: str) -> None:
            status.update(f"{shown(title)} {shown(part)} …")

        with told_of_loading(tell):
            yield


@contextmanager
def counting(title: str, things: str = "") -> Iterator[Callable[[int, int], None]]:
    """As `progress`, for an operation that reports how many things are done, and of how many."""
    with progress(title) as update:
        yield lambda done, total: update(done / total, f"{done} of {total} {things}".strip())


def _lines(title: str) -> Progress:
    last = time.monotonic()
    pace = _Pace()

    def update(share: float, text: str) -> None:
        nonlocal last
        left = pace.left(share)
        if time.monotonic() - last < LINE_EVERY:
            return
        last = time.monotonic()
        done = f"{100 * share:3.0f} %" + (f", {left}" if left else "")
        log.info("%s %s  %s", title, done, text)

    return update


class _Pace:
    """The time left, from what was done since the first report.

    That one says where the operation begins: a resumed one has done a share of it already.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None  # seconds, share

    def left(self, share: float) -> str:
        """Such as ``0:07 left``; nothing while there is no pace yet."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, share
        began, before = self._first
        if share <= before:
            return ""
        return f"{clock((now - began) * (1 - share) / (share - before))} left"


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
