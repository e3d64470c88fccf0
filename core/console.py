"""What the command line shows: results on stdout; progress, notes and errors on stderr."""

from __future__ import annotations

import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from core.errors import TimbresepError

PLAIN_WIDTH = 150
"""Columns of a table that goes to a file or a pipe."""

LINE_EVERY = 5.0
"""Seconds between two log lines of one operation, away from a terminal."""

INTERNAL = 70
"""Exit code of an unexpected failure (EX_SOFTWARE of sysexits)."""

Update = Callable[[float, str], None]
"""Takes the share done (0 to 1) and what to show beside it."""

log = logging.getLogger(__name__)


def make_console(stderr: bool = False) -> Console:
    """A console for stdout or stderr that keeps tables whole when nobody watches."""
    console = Console(stderr=stderr, highlight=False)
    return (
        console
        if console.is_terminal
        else Console(stderr=stderr, highlight=False, width=PLAIN_WIDTH)
    )


class _Notes(logging.Handler):
    """Log records as single lines: bare on a terminal, with the time elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.console = make_console(stderr=True)

    def emit(self, record: logging.LogRecord) -> None:
        text = escape(record.getMessage())
        if record.levelno >= logging.WARNING:
            text = f"[yellow]note:[/] {text}"
        if not self.console.is_terminal:
            text = f"{time.strftime('%H:%M:%S')} {text}"
        self.console.print(text, soft_wrap=True)


def start_logging() -> Console:
    """Show the project's log records on stderr; returns the console to draw progress on."""
    logger = logging.getLogger("core")
    for handler in [h for h in logger.handlers if isinstance(h, _Notes)]:
        logger.removeHandler(handler)
    notes = _Notes()
    logger.addHandler(notes)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return notes.console


@contextmanager
def progress(title: str) -> Iterator[Update]:
    """Show how a long operation goes: a bar with ETA on a terminal, log lines elsewhere."""
    console = start_logging()
    if not console.is_terminal:
        yield _lines(title)
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(title, total=1.0, text="")

        def update(share: float, text: str) -> None:
            bars.update(task, completed=share, text=escape(text))

        yield update


def _lines(title: str) -> Update:
    began = last = time.monotonic()
    before: float | None = None  # a resumed operation has done a share of it already

    def update(share: float, text: str) -> None:
        nonlocal last, before
        before = share if before is None else before
        now = time.monotonic()
        if now - last < LINE_EVERY:
            return
        last = now
        left = (now - began) * (1 - share) / (share - before) if share > before else 0.0
        log.info("%s %3.0f %%, %s left  %s", title, 100 * share, clock(left), text)

    return update


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def show_error(error: BaseException, debug: bool = False) -> None:
    """One red line (and the traceback, when debugging)."""
    console = make_console(stderr=True)
    if debug:
        console.print("".join(traceback.format_exception(error)), markup=False, soft_wrap=True)
    if isinstance(error, TimbresepError):
        text = str(error)
    else:
        text = f"internal error: {type(error).__name__}: {error}"
        text += "" if debug else " (run with --debug for the traceback)"
    line = " ".join(text.split())  # whatever is inside, one line
    console.print(f"[bold red]error:[/] {escape(line)}", soft_wrap=True)


@contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM, which batch systems send, an interrupt; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(command: Callable[[], object], debug: bool) -> int:
    """Run a command and turn how it ends into an exit code.

    Returns:
        What the command exits with; 1 for an expected error, 70 for an unexpected one and 130
        for an interrupt or SIGTERM (what was being written is left clean, and training can be
        resumed), each told in one line.
    """
    try:
        with _terminable():
            command()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if code == 130:
            show_error(TimbresepError("interrupted"))
        return code
    except KeyboardInterrupt:
        show_error(TimbresepError("interrupted"))
        return 130
    except TimbresepError as error:
        show_error(error, debug)
        return 1
    except Exception as error:  # noqa: BLE001 — the last stop: told in a line, whole with --debug
        show_error(error, debug)
        return INTERNAL
    return 0
