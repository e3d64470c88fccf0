"""A terminal for tests: what a program writes to it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path


def on_a_terminal(code: str, root: Path, stdout_too: bool, columns: int = 100) -> tuple[str, str]:
    """What Python code writes to a terminal, and to a stdout that is none."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns)},
        stdout=theirs if stdout_too else subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # all of it has been read
                break
            if not part:
                break
            shown += part
        piped = process.stdout.read() if process.stdout else b""
    os.close(ours)
    assert process.returncode == 0
    return shown.decode(), piped.decode()
