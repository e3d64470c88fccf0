"""Options that say who does many things: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from timbresep.commands.numbers import MOST_PROCESSES, whole
from timbresep.commands.panels import WORK
from timbresep.engines.engine import Engine, Kind
from timbresep.errors import ConfigError

MOST_ACTORS = 10_000

Workers = Annotated[
    int,
    whole(
        help="Work on so many at a time. Each worker is a process, which takes its own memory.",
        least=1,
        most=MOST_ACTORS,
        rich_help_panel=WORK,
    ),
]
EngineKind = Annotated[
    Kind,
    typer.Option(
        "--engine",
        help="Where workers are: processes of this machine, or actors of a Ray cluster "
        "(pip install 'timbresep[ray]'), whose machines all see the same folders.",
        rich_help_panel=WORK,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Address of the Ray cluster, such as auto or 10.0.0.1:6379. Without one, a cluster "
        "starts on this machine, and ends with the command.",
        rich_help_panel=WORK,
    ),
]


def engine_of(kind: Kind, workers: int, address: str | None) -> Engine:
    """The engine that options ask for.

    Raises:
        ConfigError: more processes than a machine can have; an address without a cluster.
    """
    if kind == "processes":
        if address is not None:
            raise ConfigError("--address is that of a Ray cluster", "add --engine ray")
        if workers > MOST_PROCESSES:
            raise ConfigError(
                f"--workers {workers}: this machine takes {MOST_PROCESSES} processes at most",
                "lower it",
            )
    return Engine(kind, workers, address)
