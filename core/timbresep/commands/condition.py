"""`condition`: show, compare and make the vectors that tell a separator which instrument."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.console import say, say_json
from timbresep.commands.few_notes import make_from_notes
from timbresep.commands.numbers import number
from timbresep.commands.options import (
    AsJson,
    Overwrite,
    PluginsDir,
    Seed,
    Trust,
    plugin_folder,
    split_names,
    split_numbers,
)
from timbresep.commands.program import PROGRAM
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.condition.view import Vectors

app = typer.Typer(
    no_args_is_help=True,
    help="Show, compare and make conditions, the vectors that steer a separator.",
)

Names = Annotated[list[str], typer.Argument(help="Names or aliases of instruments, or 'all'.")]
Picture = Annotated[
    Path | None, typer.Option("--png", help="Also draw a picture into this PNG file.")
]


@app.command("show")
def show_conditions(
    names: Names,
    png: Picture = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Show the harmonics of instruments as bars, and how similar the instruments are."""
    from timbresep.condition import view

    vectors = _vectors(names, plugins_dir, trust=trust)
    if as_json:
        say_json({**view.parts_of(vectors), **view.similarities_of(vectors)})
    else:
        say(view.harmonics_table(vectors))
        if len(vectors) > 1:
            say(view.similarity_table(vectors))
    if png:
        from timbresep.condition.picture import draw_harmonics

        draw_harmonics(vectors, png, overwrite=overwrite)
        say(f"wrote {png}")


@app.command("compare")
def compare_conditions(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names or aliases of instruments. The default is all."),
    ] = None,
    png: Picture = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Show how similar the conditions of instruments are: the cosine for each pair."""
    from timbresep.condition import view

    vectors = _vectors(names or ["all"], plugins_dir, trust=trust)
    if as_json:
        say_json(view.similarities_of(vectors))
    else:
        say(view.similarity_table(vectors))
    if png:
        from timbresep.condition.picture import draw_similarities

        draw_similarities(vectors, png, overwrite=overwrite)
        say(f"wrote {png}")


@app.command("build")
def build_condition(
    plugin: Annotated[
        str, typer.Argument(help="The instrument: its name, or its plugin's folder.")
    ],
    notes: Annotated[
        str | None,
        typer.Option(
            help="Measure the condition on these notes: MIDI numbers, separated by commas. The "
            "default is every semitone of the instrument's range."
        ),
    ] = None,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Measure an instrument's condition on its voice, and write it into the plugin.

    A condition that the plugin already has is replaced.
    """
    from timbresep.voice.plugin_files import build_condition as build

    path = build(plugin_folder(plugin, plugins_dir, trust), split_numbers(notes) if notes else None)
    say(f"wrote {path}")


NoteFiles = Annotated[
    list[Path],
    typer.Argument(
        readable=False,
        help="Recordings of the instrument alone, one note at a time. At least three "
        "different notes are needed; eight or more, from low to high, are better.",
    ),
]
NewName = Annotated[str, typer.Option(help="Name of the new instrument, such as oboe.")]
MadeIn = Annotated[
    Path,
    typer.Option("-o", "--out", help="Make the plugin in this folder, as OUT/<name>."),
]
TuningSeconds = Annotated[
    float,
    number("--seconds", help="Fine-tune the voice for this many seconds.", least=0.1, most=86_400),
]
StartVoice = Annotated[
    str | None,
    typer.Option(
        "--plugin",
        help="Start from the voice of this instrument. The default is the one whose voice fits the "
        "notes best.",
    ),
]
Licence = Annotated[
    str, typer.Option(help="Licence of the recordings; it is written into the plugin.")
]


@app.command("from-audio")
def condition_from_audio(
    notes: NoteFiles,
    name: NewName,
    out: MadeIn = Path("my-plugins"),
    seconds: TuningSeconds = 90.0,
    plugin: StartVoice = None,
    licence: Licence = "not stated",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Make a plugin for a new instrument from a few recorded notes."""
    registry = Registry.load(plugins_dir or (), trust=trust)
    from timbresep.voice.few_notes import NotesSettings

    settings = NotesSettings(seconds=seconds, start=plugin, licence=licence, seed=seed)
    make_from_notes(notes, name, out, registry, settings, overwrite=overwrite)
    say(f"wrote {out / name}")
    say(f"next: {PROGRAM} separate song.wav -i {name} --plugins-dir {out}")


def _vectors(names: list[str], plugins_dir: list[Path] | None, *, trust: bool) -> Vectors:
    """Conditions of the instruments named."""
    registry = Registry.load(plugins_dir or (), trust=trust)
    wanted = split_names(names)
    chosen = registry.instruments(None if wanted == ["all"] else wanted)
    return {item.name: item.condition() for item in chosen}
