"""What the command line shows: results on stdout; progress, notes and errors on stderr."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from timbresep.commands.as_json import as_json
from timbresep.commands.tables import fitted
from timbresep.errors import InterruptedRunError, TimbresepError, not_installed
from timbresep.formats.encoding import make_printable
from timbresep.formats.text import shown, shown_json, shown_lines
from timbresep.running.interrupts import as_interrupts

UNLIMITED = 1_000_000
"""Columns of what is no terminal: a row of a table is one line of a file or a pipe."""

_quiet = False
_json = False

INTERNAL = 70
"""Exit code of an unexpected failure (EX_SOFTWARE of sysexits)."""


def be_quiet(quiet: bool) -> None:
    """Print only errors, and JSON where it is asked for; or print all again."""
    global _quiet
    _quiet = quiet


def json_alone(wanted: bool) -> bool:
    """Keep stdout for JSON, so that what else is said goes to stderr; or no longer."""
    global _json
    _json = wanted
    return wanted


def is_quiet() -> bool:
    """Whether only errors are printed."""
    return _quiet


def make_console(stderr: bool = False) -> Console:
    """The console for stdout or stderr; both are one where both lead to the same terminal.

    So what is printed while a progress bar is drawn appears above it, and a stdout that leads
    elsewhere gets only results.
    """
    return _console(_stream(stderr or one_terminal()))


def one_terminal() -> bool:
    """Whether stdout and stderr are the same terminal."""
    out, err = _stream(False), _stream(True)
    try:
        both = out.isatty() and err.isatty()
        return both and os.path.sameopenfile(out.fileno(), err.fileno())
    except (AttributeError, OSError, ValueError):  # none, or none of the system's
        return False


def _stream(stderr: bool) -> TextIO:
    """stdout or stderr itself, also while rich has put something in its place."""
    stream = sys.stderr if stderr else sys.stdout
    real: TextIO = getattr(stream, "rich_proxied_file", stream)
    return real


@functools.lru_cache(maxsize=4)
def _console(stream: TextIO) -> Console:
    make_printable(stream)
    return _new_console(stream)


def _new_console(stream: TextIO) -> Console:
    console = _Screen(file=stream, highlight=False, markup=False, emoji=False)
    if not stream.isatty():
        console.width = UNLIMITED
    return console


class _Screen(Console):
    """A console that does not obey what is printed: neither markup nor control characters."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Segments, in which a control character that is not rich's own is escaped."""
        for part in super().render(renderable, options):
            text = part.text
            if part.control or (text.isascii() and text.isprintable()):
                yield part
            else:
                yield part._replace(text=shown_lines(text))


class _Notes(logging.Handler):
    """Log records as single lines: bare on a terminal, with the time elsewhere."""

    def emit(self, record: logging.LogRecord) -> None:
        if _quiet and record.levelno < logging.ERROR:
            return
        console = make_console(stderr=True)
        message = record.getMessage()
        text = _note(message) if record.levelno >= logging.WARNING else Text(shown(message))
        if not console.is_terminal:
            text = Text.assemble(time.strftime("%H:%M:%S"), " ", text)
        console.print(text, soft_wrap=True)


def start_logging() -> Console:
    """Show the project's log records on stderr; returns the console to draw progress on."""
    logger = logging.getLogger("timbresep")
    for handler in [h for h in logger.handlers if isinstance(h, _Notes)]:
        logger.removeHandler(handler)
    logger.addHandler(_Notes())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return make_console(stderr=True)


def say(result: RenderableType) -> None:
    """Print a result on stdout, or on stderr where stdout is for JSON.

    Args:
        result: a line, which is not wrapped, or a table, which turns where it is too wide.
    """
    if _quiet:
        return
    console = make_console(stderr=_json)
    if isinstance(result, Table):
        console.print(fitted(result, console))
    else:
        console.print(result, soft_wrap=True)


def say_json(result: object) -> None:
    """Print a result on stdout as JSON, for programs.

    Args:
        result: as of `timbresep.commands.as_json.as_json`.
    """
    text = json.dumps(as_json(result), indent=2, ensure_ascii=False, allow_nan=False)
    _stream(stderr=False).write(shown_json(text) + "\n")


def show_note(text: str) -> None:
    """One line that is worth reading and no error."""
    if _quiet:
        return
    make_console(stderr=True).print(_note(text), soft_wrap=True)


def _note(text: str) -> Text:
    return Text.assemble(("note:", "yellow"), " ", shown(text))


def show_error(error: BaseException, *, debug: bool = False) -> None:
    """One red line (and the traceback, when debugging)."""
    console = make_console(stderr=True)
    if debug:
        console.print("".join(traceback.format_exception(error)), soft_wrap=True)
    if isinstance(error, TimbresepError):
        text = str(error)
    else:
        text = f"internal error: {type(error).__name__}: {error}"
        text += "" if debug else " (run with --debug for the traceback)"
    line = shown(" ".join(text.split()))  # always one line
    console.print(Text.assemble(("error:", "bold red"), " ", line), soft_wrap=True)


def run(command: Callable[[], object], *, debug: bool) -> int:
    """Run a command and turn how it ends into an exit code.

    Returns:
        What the command exits with; 1 for an expected error, 70 for an unexpected one and 130
        for an interrupt, SIGTERM, SIGHUP or SIGUSR1 (what was being written is left clean, and
        training can be resumed), each reported in one line.
    """
    for stream in (sys.stdout, sys.stderr):
        make_printable(stream)
    start_logging()
    with as_interrupts():
        try:
            command()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            return _end(code, InterruptedRunError("interrupted") if code == 130 else None)
        except KeyboardInterrupt:
            return _end(130, InterruptedRunError("interrupted"))
        except InterruptedRunError as error:
            return _end(130, error)
        except TimbresepError as error:
            return _end(1, error, debug=debug)
        except OSError as error:
            return _end(1, _refused(error), debug=debug)
        except ModuleNotFoundError as error:
            return _end(1, not_installed(error), debug=debug)
        except Exception as error:  # noqa: BLE001 — the last stop: one line, or the traceback with --debug
            return _end(INTERNAL, error, debug=debug)
        return 0


def _end(code: int, error: BaseException | None, *, debug: bool = False) -> int:
    if error is not None:
        with suppress(OSError):  # the terminal is gone
            show_error(error, debug=debug)
    return code


def _refused(error: OSError) -> TimbresepError:
    """An error of the operating system, such as a full disk, as one for the user."""
    where = f"{error.filename}: " if error.filename else ""
    told = TimbresepError(
        f"{where}{error.strerror or error}", "check the path, its permissions and the free space"
    )
    told.__cause__ = error
    return told
