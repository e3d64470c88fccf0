"""What the server allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MB = 1_000_000


@dataclass(frozen=True)
class ServerSettings:
    """Limits, and where things are.

    Attributes:
        folder: of the jobs' files; it is removed at the end.
        plugins: where instruments that are made go, and stay.
        plugins_dirs: more folders of plugins.
        upload: bytes of a request at most.
        length: seconds of a recording at most.
        waiting: jobs that may wait at most.
        workers: jobs that work at a time at most, each in a process of its own.
        seconds: a job may work this long.
        keep: seconds after which a finished job is removed.
        hosts: names that a browser may call this machine by.
        device: where to compute.
    """

    folder: Path
    plugins: Path
    plugins_dirs: tuple[Path, ...] = ()
    upload: int = 500 * MB
    length: float = 3600.0
    waiting: int = 10
    workers: int = 1
    seconds: float = 4 * 3600.0
    keep: float = 24 * 3600.0
    hosts: tuple[str, ...] = field(default=("localhost", "127.0.0.1", "[::1]"))
    device: str = "auto"
