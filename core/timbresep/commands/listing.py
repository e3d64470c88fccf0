"""`list`: every plugin, separator and transcriber, and the faults of broken ones."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from timbresep.commands.console import say, say_json
from timbresep.commands.options import AsJson, PluginsDir, Trust
from timbresep.formats.text import shown
from timbresep.registry.catalogue import NOT_READY
from timbresep.registry.registry import Registry

COLOURS = {"ok": "green", NOT_READY: "yellow"}
"""Of a row's status, where it is not red."""


def list_plugins(
    as_json: AsJson = False, plugins_dir: PluginsDir = None, trust: Trust = False
) -> None:
    """Show every plugin, separator and transcriber, and what is wrong with the broken ones."""
    registry = Registry.load(plugins_dir or (), trust=trust)
    rows = [*registry.rows(), *registry.separators.rows(), *registry.transcribers.rows()]
    if as_json:
        say_json(rows)
        return
    view = Table("kind", "name", "status", "from", "about")
    for row in rows:
        status = Text(row.status, COLOURS.get(row.status, "red"))
        view.add_row(row.kind, shown(row.name), status, shown(row.owner), shown(row.detail))
    say(view)
