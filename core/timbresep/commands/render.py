"""`data render`, `data extras` and `data solos`: audio rendered from scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbresep.commands.console import make_console, start_logging
from timbresep.commands.numbers import MOST_PROCESSES, number, span, whole
from timbresep.commands.options import (
    Instruments,
    PluginsDir,
    Seed,
    Side,
    Trust,
    named_instruments,
    plugin_folder,
    split_names,
)
from timbresep.commands.progress import counting
from timbresep.errors import ConfigError
from timbresep.registry.registry import Registry

Out = Annotated[Path, typer.Option("-o", "--out", help="Write to this folder.")]
Count = Annotated[int, whole(help="Render so many tracks.", least=1, most=100_000)]
Seconds = Annotated[
    tuple[float, float],
    span(help="Render tracks of so many to so many seconds.", least=1, most=3600),
]


def render_tracks(
    out: Out,
    instruments: Instruments = None,
    source: Annotated[
        str, typer.Option(help="Render with the soundfonts of this source of the recipes.")
    ] = "orchestra",
    split: Annotated[
        Side, typer.Option(help="Play pieces from this side of the split.")
    ] = Side.test,
    count: Count = 10,
    seconds: Seconds = (20.0, 30.0),
    soundfont: Annotated[
        str | None,
        typer.Option(
            help="Play everything with this soundfont, to compare sound sources; with the recipes' "
            "own if not given."
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Play everything with recorded notes, FOLDER/<instrument>/C#4.ogg; 'all' are then "
            "the instruments with a folder.",
        ),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="State these terms of the recorded notes.")
    ] = None,
    detune: Annotated[
        float,
        number(
            help="Play each instrument out of tune, by so many cents at most.", least=0, most=99
        ),
    ] = 0.0,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render multitracks from scores with soundfonts, or with recorded notes."""
    from timbresep.data.rendering.plan import TrackSet
    from timbresep.data.rendering.sets import SoundSource, render_set

    if samples and soundfont:
        raise ConfigError("--samples and --soundfont exclude each other", "give one of them")
    if samples and detune:
        raise ConfigError("recorded notes are as in tune as they are", "leave out --detune")
    if licence and not samples:
        raise ConfigError("--licence states the terms of --samples", "give both, or neither")
    chosen = named_instruments(Registry.load(plugins_dir or (), trust=trust), instruments)
    if samples and split_names(instruments or ["all"]) == ["all"]:
        chosen = [item for item in chosen if (samples / item.name).is_dir()] or chosen
    tracks = TrackSet(split.value, count, seconds, seed, detune)
    sounds = SoundSource(soundfont, samples, licence)
    with counting("rendering", "tracks") as progress:
        folders = render_set(chosen, source, tracks, out, sounds=sounds, progress=progress)
    _say(f"{len(folders)} tracks in {out}")


def render_extra_instruments(
    out: Out,
    instruments: Annotated[
        list[str] | None,
        typer.Option(
            "-i",
            "--instruments",
            help="Leave out the programs of these plugins, and take the players of --real from "
            "them: names or aliases with commas between, or 'all' (the default).",
        ),
    ] = None,
    count: Count = 100,
    seconds: Seconds = (20.0, 30.0),
    parts: Annotated[int, whole(help="Let so many players play in a track.", least=2, most=64)] = 4,
    real: Annotated[
        int,
        whole(help="Let so many of them be instruments of plugins.", least=0, most=64),
    ] = 0,
    source: Annotated[
        str, typer.Option(help="Render those with the soundfonts of this source of the recipes.")
    ] = "orchestra",
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            readable=False,
            help="Take the extra instruments that this YAML file lists; those of the bundled list "
            "if not given.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        whole(
            help="Render so many tracks at a time; one for each core, eight at most, if not given.",
            least=1,
            most=MOST_PROCESSES,
        ),
    ] = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render multitracks of extra instruments, which no plugin is for, to train on."""
    from timbresep.data.extras.listed import BUNDLED
    from timbresep.data.extras.sets import BandSize, render_extras
    from timbresep.data.rendering.plan import TrackSet

    chosen = named_instruments(Registry.load(plugins_dir or (), trust=trust), instruments)
    with counting("rendering", "tracks") as progress:
        folders = render_extras(
            chosen,
            TrackSet("train", count, seconds, seed),
            out,
            band=BandSize(parts, real, source),
            listed=listed or BUNDLED,
            at_a_time=workers,
            progress=progress,
        )
    _say(f"{len(folders)} tracks in {out}")


def render_solos(
    instrument: Annotated[
        str, typer.Argument(help="Render for this plugin: its folder, or an instrument's name.")
    ],
    out: Out,
    minutes: Annotated[
        float | None,
        number(
            help="Render so many minutes in all; as many as the recipe says if not given.",
            least=0.1,
            most=1000,
        ),
    ] = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render the solos that an instrument's recipe describes, for `ddsp train`."""
    from timbresep.voice.solos import render_voice_solos

    start_logging()
    recipe = plugin_folder(instrument, plugins_dir, trust) / "recipe.yaml"
    _say(f"{len(render_voice_solos(recipe, out, seed, minutes))} files in {out}")


def _say(text: str) -> None:
    make_console().print(text, soft_wrap=True)
