"""`condition`: the vectors that steer the separator."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.options import PluginsDir, plugin_folder, split_names, split_numbers
from core.console import make_console
from core.registry import Registry

app = typer.Typer(no_args_is_help=True, help="The vectors that steer the separator.")


@app.command("show")
def show_conditions(
    names: Annotated[list[str], typer.Argument(help="Instruments, or 'all'.")],
    plugins_dir: PluginsDir = None,
) -> None:
    """Draw instruments' harmonics and tell how alike they are."""
    from core import condition_view

    registry = Registry.load(plugins_dir or ())
    wanted = split_names(names)
    chosen = registry.instruments(None if wanted == ["all"] else wanted)
    vectors = {item.name: item.condition() for item in chosen}
    console = make_console()
    console.print(condition_view.harmonics_table(vectors))
    if len(vectors) > 1:
        console.print(condition_view.similarity_table(vectors))


@app.command("build")
def build_condition(
    plugin: Annotated[str, typer.Argument(help="Plugin folder, or an instrument's name.")],
    notes: Annotated[
        str | None, typer.Option(help="MIDI numbers with commas between; all semitones if not.")
    ] = None,
    plugins_dir: PluginsDir = None,
) -> None:
    """Measure an instrument's condition on its DDSP model."""
    from core.plugin_files import build_condition as build

    path = build(plugin_folder(plugin, plugins_dir), split_numbers(notes) if notes else None)
    make_console().print(f"wrote {path}", soft_wrap=True)
