"""`data render`, `data extras` and `data solos`: audio rendered from scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.console import say, start_logging
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
from timbresep.errors import ConfigError, UnknownNameError, nearest
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.data.rendering.scores import Music

Out = Annotated[Path, typer.Option("-o", "--out", help="Write to this folder.")]
Count = Annotated[int, whole(help="Render this many tracks.", least=1, most=100_000)]
Seconds = Annotated[
    tuple[float, float],
    span(help="Shortest and longest track in seconds.", least=1, most=3600),
]
MusicKinds = Annotated[
    list[str] | None,
    typer.Option(
        "--music",
        help="Play this music: chorales, tunes (doubled, in canon, or several at once) or "
        "quartets. Several, separated by commas, take turns. The default is chorales.",
    ),
]
PluginsOfExtras = Annotated[
    list[str] | None,
    typer.Option(
        "-i",
        "--instruments",
        help="Never play the programs of these instruments as extras, and let --real choose "
        "from them: names or aliases, separated by commas. The default is 'all'.",
    ),
]


def render_tracks(
    out: Out,
    instruments: Instruments = None,
    source: Annotated[
        str, typer.Option(help="Play with the soundfonts of this source of the recipes.")
    ] = "orchestra",
    split: Annotated[
        Side, typer.Option(help="Play pieces on this side of the train/valid/test split.")
    ] = "test",
    count: Count = 10,
    seconds: Seconds = (20.0, 30.0),
    soundfont: Annotated[
        str | None,
        typer.Option(
            help="Play everything with this soundfont, to test on another sound source. The "
            "default is the soundfonts of --source."
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Play everything with recorded notes, FOLDER/<instrument>/C#4.ogg. 'all' then "
            "means the instruments that have a folder.",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the recorded notes; it is written into the tracks."),
    ] = None,
    detune: Annotated[
        float,
        number(help="Play each instrument out of tune by up to this many cents.", least=0, most=99),
    ] = 0.0,
    music: MusicKinds = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render tracks from scores, with soundfonts or recorded notes."""
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
    tracks = TrackSet(split, count, seconds, seed, detune, _kinds(music))
    sounds = SoundSource(soundfont, samples, licence)
    with counting("rendering", "tracks") as progress:
        folders = render_set(chosen, source, tracks, out, sounds=sounds, progress=progress)
    say(f"{len(folders)} tracks in {out}")


def render_extra_instruments(
    out: Out,
    instruments: PluginsOfExtras = None,
    count: Count = 100,
    seconds: Seconds = (20.0, 30.0),
    parts: Annotated[int, whole(help="Number of players in a track.", least=2, most=64)] = 4,
    real: Annotated[
        int,
        whole(help="This many of the players are instruments with a plugin.", least=0, most=64),
    ] = 0,
    source: Annotated[
        str,
        typer.Option(
            help="Play the instruments of --real with the soundfonts of this source of the recipes."
        ),
    ] = "orchestra",
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            readable=False,
            help="Use the extra instruments that this YAML file lists. The default is the "
            "bundled plugins/extras.yaml.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        whole(
            help="Render this many tracks at a time. The default is one for each core, at most "
            "eight.",
            least=1,
            most=MOST_PROCESSES,
        ),
    ] = None,
    music: MusicKinds = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render tracks of extra instruments, those without a plugin, to train on."""
    from timbresep.data.extras.listed import BUNDLED
    from timbresep.data.extras.sets import BandSize, render_extras
    from timbresep.data.rendering.plan import TrackSet

    chosen = named_instruments(Registry.load(plugins_dir or (), trust=trust), instruments)
    with counting("rendering", "tracks") as progress:
        folders = render_extras(
            chosen,
            TrackSet("train", count, seconds, seed, music=_kinds(music)),
            out,
            band=BandSize(parts, real, source),
            listed=listed or BUNDLED,
            at_a_time=workers,
            progress=progress,
        )
    say(f"{len(folders)} tracks in {out}")


def render_solos(
    instrument: Annotated[
        str, typer.Argument(help="The instrument: its name, or its plugin's folder.")
    ],
    out: Out,
    minutes: Annotated[
        float | None,
        number(
            help="Render this many minutes in all. The default is what the recipe says.",
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
    say(f"{len(render_voice_solos(recipe, out, seed, minutes))} files in {out}")


def _kinds(given: list[str] | None) -> tuple[Music, ...]:
    """The kinds of music that an option names, each once; chorales by default."""
    from timbresep.data.rendering.repertoire import MUSIC

    known: dict[str, Music] = {kind: kind for kind in MUSIC}
    names = dict.fromkeys(split_names(given or []) or ["chorales"])
    for name in names:
        if name not in known:
            raise UnknownNameError(f"no music is called '{name}'", nearest(name, set(MUSIC)))
    return tuple(known[name] for name in names)
