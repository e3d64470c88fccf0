"""`data`: training and evaluation audio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import Instruments, PluginsDir, Seed, Side, plugin_folder, split_names
from core.console import make_console, progress, start_logging
from core.registry import Registry

app = typer.Typer(no_args_is_help=True, help="Render training and evaluation audio.")


@app.command("render")
def render_tracks(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the tracks.")],
    instruments: Instruments = None,
    source: Annotated[str, typer.Option(help="Rendered source in the recipes.")] = "orchestra",
    split: Annotated[Side, typer.Option(help="Side of the split to play from.")] = Side.test,
    count: Annotated[int, typer.Option(min=1, help="Tracks.")] = 10,
    seconds: Annotated[tuple[float, float], typer.Option(help="Shortest and longest track.")] = (
        20.0,
        30.0,
    ),
    soundfont: Annotated[
        str | None, typer.Option(help="Play everything with this one, to compare sound sources.")
    ] = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
) -> None:
    """Render multitracks from scores with a soundfont."""
    from core.data.build import render_set

    names = split_names(instruments or ["all"])
    chosen = Registry.load(plugins_dir or ()).instruments(None if names == ["all"] else names)
    with progress("rendering") as update:
        folders = render_set(
            chosen,
            source,
            split.value,
            count,
            out,
            seconds=seconds,
            soundfont=soundfont,
            seed=seed,
            progress=lambda done, total: update(done / total, f"{done} of {total} tracks"),
        )
    make_console().print(f"{len(folders)} tracks in {out}", soft_wrap=True)


@app.command("virtual")
def render_virtual(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the tracks.")],
    instruments: Instruments = None,
    count: Annotated[int, typer.Option(min=1, help="Tracks.")] = 100,
    seconds: Annotated[tuple[float, float], typer.Option(help="Shortest and longest track.")] = (
        20.0,
        30.0,
    ),
    parts: Annotated[int, typer.Option(min=2, help="Players in a track.")] = 4,
    real: Annotated[int, typer.Option(min=0, help="Real instruments among them.")] = 0,
    source: Annotated[str, typer.Option(help="Rendered source of the real ones.")] = "orchestra",
    workers: Annotated[int | None, typer.Option(min=1, help="Tracks at a time.")] = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
) -> None:
    """Render multitracks of virtual instruments, blended of two each, to train on."""
    from core.data.virtual_set import render_virtual_set

    names = split_names(instruments or ["all"])
    chosen = Registry.load(plugins_dir or ()).instruments(None if names == ["all"] else names)
    with progress("rendering") as update:
        folders = render_virtual_set(
            chosen,
            count,
            out,
            seconds=seconds,
            parts=parts,
            real=real,
            source=source,
            seed=seed,
            workers=workers,
            progress=lambda done, total: update(done / total, f"{done} of {total} tracks"),
        )
    make_console().print(f"{len(folders)} tracks in {out}", soft_wrap=True)


@app.command("solos")
def render_solos(
    instrument: Annotated[str, typer.Argument(help="Plugin folder, or an instrument's name.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the recordings.")],
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="In all; the recipe's if not given.")
    ] = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
) -> None:
    """Render the solos that an instrument's recipe describes, for `ddsp train`."""
    from core.voice.solos import render_voice_solos

    start_logging()
    files = render_voice_solos(
        plugin_folder(instrument, plugins_dir) / "recipe.yaml", out, seed, minutes
    )
    make_console().print(f"{len(files)} files in {out}", soft_wrap=True)
