"""`ddsp`: the models that the condition vectors come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import Overwrite, PluginsDir, Seed, plugin_folder
from core.console import make_console, progress

app = typer.Typer(no_args_is_help=True, help="The DDSP models that the vectors come from.")


@app.command("train")
def train_ddsp(
    plugin: Annotated[str, typer.Option(help="Plugin folder, or an instrument's name.")],
    solos: Annotated[Path, typer.Option(help="Folder of recordings, one note at a time.")],
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 3000,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Stop after these.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Passages in a step.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each passage.")] = 2.0,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
) -> None:
    """Train an instrument's DDSP model on solo recordings."""
    from core.voice import train_voice

    with progress("training") as update:
        result = train_voice(
            plugin_folder(plugin, plugins_dir),
            solos,
            steps=steps,
            minutes=minutes,
            batch=batch,
            seconds=seconds,
            seed=seed,
            device=device,
            overwrite=overwrite,
            report=update,
        )
    console = make_console()
    console.print(
        f"{result.steps} steps on {result.minutes} minutes of solos; "
        f"spectral loss {result.first_loss:.2f} → {result.last_loss:.2f}, "
        f"held out {result.valid_loss:.2f}"
    )
    console.print(f"next: python cli.py condition build {plugin}", soft_wrap=True)
