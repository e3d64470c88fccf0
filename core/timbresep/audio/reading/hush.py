"""Keep what libmpg123 prints about odd MP3 frames, also in whole files, off the screen."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

log = logging.getLogger(__name__)

_LOCK = threading.Lock()
_MARKS = (b"[src/libmpg123", b"Warning: Xing", b"Warning: Encountered", b"Note: ")


@contextlib.contextmanager
def libmpg123() -> Iterator[None]:
    """Hold back what is written to the standard error stream, and pass on all but its lines."""
    with _LOCK, contextlib.ExitStack() as opened:
        try:
            held = opened.enter_context(tempfile.TemporaryFile())
            screen = os.dup(2)
        except OSError:  # no room for a file, or no such stream
            yield
            return
        opened.callback(_pass_on, held)
        opened.callback(os.close, screen)
        opened.callback(os.dup2, screen, 2)
        os.dup2(held.fileno(), 2)
        yield


def _pass_on(held: IO[bytes]) -> None:
    """Write what is not of libmpg123 to the standard error stream."""
    held.seek(0)
    for line in held.read().splitlines(keepends=True):
        if line.startswith(_MARKS):
            log.debug("%s", line.decode("utf-8", "replace").strip())
        elif line.strip():
            os.write(2, line)
