"""`condition`: the vectors that steer the separator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.console import make_console
from timbresep.commands.numbers import number
from timbresep.commands.options import (
    Overwrite,
    PluginsDir,
    Seed,
    Trust,
    plugin_folder,
    split_names,
    split_numbers,
)
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import clock, progress
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.condition.view import Vectors

app = typer.Typer(no_args_is_help=True, help="The vectors that steer the separator.")

Names = Annotated[list[str], typer.Argument(help="Instruments, or 'all'.")]
Picture = Annotated[Path | None, typer.Option("--png", help="Also draw it into this file.")]


@app.command("show")
def show_conditions(
    names: Names,
    png: Picture = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Draw instruments' harmonics and tell how alike they are."""
    from timbresep.condition import view

    vectors = _vectors(names, plugins_dir, trust)
    console = make_console()
    console.print(view.harmonics_table(vectors))
    if len(vectors) > 1:
        console.print(view.similarity_table(vectors))
    if png:
        from timbresep.condition.picture import draw_harmonics

        draw_harmonics(vectors, png, overwrite)
        console.print(f"wrote {png}", soft_wrap=True)


@app.command("compare")
def compare_conditions(
    names: Annotated[list[str] | None, typer.Argument(help="Instruments; all if none.")] = None,
    png: Picture = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Tell how near instruments' conditions are to each other."""
    from timbresep.condition import view

    vectors = _vectors(names or ["all"], plugins_dir, trust)
    console = make_console()
    console.print(view.similarity_table(vectors))
    if png:
        from timbresep.condition.picture import draw_similarities

        draw_similarities(vectors, png, overwrite)
        console.print(f"wrote {png}", soft_wrap=True)


@app.command("build")
def build_condition(
    plugin: Annotated[str, typer.Argument(help="Plugin folder, or an instrument's name.")],
    notes: Annotated[
        str | None, typer.Option(help="MIDI numbers with commas between; all semitones if not.")
    ] = None,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Measure an instrument's condition on its DDSP model."""
    from timbresep.voice.plugin_files import build_condition as build

    path = build(plugin_folder(plugin, plugins_dir, trust), split_numbers(notes) if notes else None)
    make_console().print(f"wrote {path}", soft_wrap=True)


@app.command("from-audio")
def condition_from_audio(
    notes: Annotated[
        list[Path],
        typer.Argument(readable=False, help="Recordings of solo notes, one note at a time."),
    ],
    name: Annotated[str, typer.Option(help="Of the new instrument, such as oboe.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder of plugin folders; makes OUT/<name>.")
    ] = Path("my-plugins"),
    seconds: Annotated[float, number(help="Of fine-tuning.", least=0.1, most=86_400)] = 90.0,
    plugin: Annotated[
        str | None, typer.Option(help="Instrument to start from; the best fitting if not given.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Terms of the recordings.")] = "not stated",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Make an instrument out of a few solo notes: voice, condition and plugin folder."""
    console = make_console(stderr=True)
    registry = Registry.load(plugins_dir or (), trust=trust)
    from timbresep.voice.few_notes import expected_seconds, from_notes

    wait = expected_seconds(notes, seconds, len(registry.instruments()))
    console.print(
        f"{len(notes)} files: takes about {clock(wait)}, of which {clock(seconds)} of fine-tuning"
    )
    with progress(name) as update:
        made = from_notes(
            notes,
            name,
            out,
            registry,
            seconds=seconds,
            start=plugin,
            licence=licence,
            seed=seed,
            overwrite=overwrite,
            report=update,
        )
    shown = make_console()
    training = made.training
    shown.print(
        f"{len(made.heard.notes)} notes heard in {made.heard.seconds:.0f} s; started from the "
        f"voice of {made.start} (spectral loss {made.fits[made.start]:.2f}); "
        f"{training.steps} steps: {training.first_loss:.2f} → {training.last_loss:.2f}",
        soft_wrap=True,
    )
    shown.print(f"wrote {made.folder}", soft_wrap=True)
    shown.print(
        f"next: {PROGRAM} separate song.wav -i {name} --plugins-dir {out}",
        soft_wrap=True,
    )


def _vectors(names: list[str], plugins_dir: list[Path] | None, trust: bool) -> Vectors:
    """Conditions of the instruments named."""
    registry = Registry.load(plugins_dir or (), trust=trust)
    wanted = split_names(names)
    chosen = registry.instruments(None if wanted == ["all"] else wanted)
    return {item.name: item.condition() for item in chosen}
