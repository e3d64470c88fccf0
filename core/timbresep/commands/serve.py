"""`serve`: a page on this machine to separate in a browser."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from timbresep.commands.console import say, show_note, start_logging
from timbresep.commands.numbers import number, whole
from timbresep.commands.options import Device, PluginsDir
from timbresep.commands.program import PROGRAM
from timbresep.errors import MissingToolError
from timbresep.separation.options import DEFAULTS

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ANY = ("0.0.0.0", "::")  # noqa: S104 (nothing listens there unless it is asked for)
DAY_H = 24.0

Host = Annotated[
    str,
    typer.Option(
        help="Listen on this address. Any other than the default lets others on the network use "
        "the page: nothing asks them for a password."
    ),
]
Port = Annotated[int, whole(help="Listen on this port; 0 takes a free one.", least=0, most=65_535)]
Upload = Annotated[
    int, whole(help="Refuse uploads larger than this, in MB.", least=1, most=100_000)
]
Minutes = Annotated[
    float, number(help="Refuse recordings longer than this, in minutes.", least=0.1, most=1e5)
]
Waiting = Annotated[int, whole(help="Refuse jobs while this many wait.", least=1, most=1000)]
Workers = Annotated[
    int,
    whole(help="Separate this many recordings at a time, each in a process.", least=1, most=256),
]
Keep = Annotated[
    float, number(help="Remove finished jobs after this many hours.", least=0.01, most=1e5)
]
Made = Annotated[
    Path, typer.Option("--made", help="Keep instruments that are made on the page in this folder.")
]


AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        help="Answer browsers that call this machine by this name, too; repeatable. --host 0.0.0.0 "
        "needs it: without it, only this machine itself can use the page."
    ),
]


def serve(
    host: Host = "127.0.0.1",
    allow_host: AllowHost = None,
    port: Port = 8765,
    max_upload: Upload = 500,
    max_minutes: Minutes = 60.0,
    max_waiting: Waiting = 10,
    workers: Workers = 1,
    keep: Keep = DAY_H,
    made: Made = Path("my-plugins"),
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
) -> None:
    """Open a page on this machine to separate in a browser."""
    start_logging()
    try:
        import uvicorn

        from timbresep.server.app import create_app
    except ModuleNotFoundError as error:
        raise MissingToolError(
            f"the page needs {error.name}", "pip install 'timbresep[serve]'"
        ) from error
    from timbresep.server.settings import MB, ServerSettings

    hosts = (*ServerSettings.hosts, host, *(allow_host or ()))
    if host not in LOOPBACK:
        show_note(f"others on the network can use this page: it listens on {host}")
    with tempfile.TemporaryDirectory(prefix="timbresep-") as folder:
        settings = ServerSettings(
            folder=Path(folder),
            plugins=made,
            plugins_dirs=tuple(plugins_dir or ()),
            upload=max_upload * MB,
            length=60 * max_minutes,
            waiting=max_waiting,
            workers=workers,
            keep=3600 * keep,
            hosts=hosts,
            device=device,
        )
        config = uvicorn.Config(create_app(settings), host=host, port=port, log_level="warning")
        socket = config.bind_socket()
        called = "localhost" if host in (*LOOPBACK, *ANY) else host
        say(f"open http://{called}:{socket.getsockname()[1]}/ in a browser; Ctrl-C ends {PROGRAM}")
        uvicorn.Server(config).run([socket])
