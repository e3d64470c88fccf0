"""`data`: training and evaluation audio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbresep.commands.console import make_console, start_logging
from timbresep.commands.numbers import MANY, number, whole
from timbresep.commands.options import (
    Instruments,
    Overwrite,
    PluginsDir,
    RenderWorkers,
    Seed,
    Side,
    TrackCount,
    TrackSeconds,
    Trust,
    plugin_folder,
    split_names,
    split_roots,
)
from timbresep.commands.progress import progress
from timbresep.errors import ConfigError
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry

Folders = Annotated[
    list[str] | None,
    typer.Argument(help="[NAME=]FOLDER of a dataset; the same as --data.", show_default=False),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", "-p", help="Instruments, with commas between; all if not given."),
]
Sources = Annotated[
    list[str] | None, typer.Option("--source", help="Recipe sources, as for `train`.")
]
Data = Annotated[
    list[str] | None, typer.Option("--data", help="[NAME=]FOLDER of a dataset; repeatable.")
]

ALL = 1000  # problems that are shown when every stem is decoded

app = typer.Typer(no_args_is_help=True, help="Look into datasets, prepare them, and render audio.")


@app.command("check")
def check_data(
    folders: Folders = None,
    plugin: Plugins = None,
    source: Sources = None,
    data: Data = None,
    listen: Annotated[
        int,
        whole(help="Tracks whose mixture is compared with its stems.", least=0, most=MANY),
    ] = 20,
    decode: Annotated[
        bool,
        typer.Option("--decode", help="Decode every stem to its end: finds cut and damaged files."),
    ] = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Say what a training run would find: tracks, minutes, faults, licences, what is missing."""
    from timbresep.data.build import list_sources, workers
    from timbresep.data.sources import check
    from timbresep.data.sources.decoding import decode as decode_all

    start_logging()
    names, instruments, everyone, sources, roots = _asked(
        folders, plugin, source, data, plugins_dir, trust
    )
    listings = list_sources(instruments, everyone, sources, roots)
    console, said = make_console(), make_console(stderr=True)
    with progress("comparing mixtures") as update:
        sums = [
            check.compare_mixtures(
                listing, listen, lambda done, total: update(done / total, f"{done} of {total}")
            )
            for listing in listings
        ]
    damaged, decoded = 0, list[str]()
    if decode:
        with progress("decoding") as update:
            for listing in listings:
                faults, lines = decode_all(
                    listing,
                    workers(),
                    lambda done, total: update(done / total, f"{done} of {total} stems"),
                )
                damaged, decoded = damaged + faults, [*decoded, *lines]
    console.print(check.source_table(listings))
    console.print(check.instrument_table(listings, names))
    for line in [*decoded, *filter(None, sums), *check.notes(listings, names)]:
        console.print(line, soft_wrap=True)
    for listing in listings:
        for line in check.problem_lines(listing, *[ALL] * decode):
            said.print(line, soft_wrap=True)
    if damaged or not all(listing.tracks or listing.pending for listing in listings):
        raise typer.Exit(1)


@app.command("prepare")
def prepare_data(
    folders: Folders = None,
    plugin: Plugins = None,
    source: Sources = None,
    data: Data = None,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render, decode and sum now what training would otherwise do when it starts."""
    from timbresep.data.build import build_tracks
    from timbresep.data.user_cache import default_cache

    _, instruments, everyone, sources, roots = _asked(
        folders, plugin, source, data, plugins_dir, trust
    )
    with progress("preparing") as update:
        tracks = build_tracks(
            instruments,
            everyone,
            sources,
            roots,
            progress=lambda done, total: update(done / total, f"{done} of {total} tracks"),
        )
    make_console().print(
        f"{len(tracks)} tracks are ready; what had to be written is in {default_cache()}",
        soft_wrap=True,
    )


@app.command("show")
def show_data(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the picture and sounds.")],
    folders: Folders = None,
    plugin: Plugins = None,
    source: Sources = None,
    data: Data = None,
    count: Annotated[int, whole(help="Mixtures.", least=1, most=32)] = 8,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Write what a training batch sounds and looks like: WAV and PNG."""
    from timbresep.data.build import build_tracks
    from timbresep.data.mixing import show
    from timbresep.data.mixing.config import MixConfig

    names, instruments, everyone, sources, roots = _asked(
        folders, plugin, source, data, plugins_dir, trust
    )
    settings = Registry.load(plugins_dir or (), trust=trust).config.training
    config = MixConfig(
        seconds=settings.seconds, channels=settings.channels, targets=settings.targets
    )
    with progress("preparing") as update:
        tracks = build_tracks(
            instruments,
            everyone,
            sources,
            roots,
            progress=lambda done, total: update(done / total, f"{done} of {total} tracks"),
        )
    examples = show.draw_examples(tracks, names, config, count, seed)
    files = show.write_examples(examples, config.rate, out, overwrite=overwrite)
    make_console().print(f"{len(files)} files in {out}; see {files[0]}", soft_wrap=True)


def _asked(
    folders: list[str] | None,
    plugin: list[str] | None,
    source: list[str] | None,
    data: list[str] | None,
    plugins_dir: list[Path] | None,
    trust: bool,
) -> tuple[list[str], list[Instrument], list[Instrument], list[str] | None, dict[str, Path]]:
    """Names, instruments, all instruments, sources and folders that a command is about."""
    registry = Registry.load(plugins_dir or (), trust=trust)
    wanted = split_names(plugin or ["all"])
    instruments = registry.instruments(None if wanted == ["all"] else wanted)
    names = [instrument.name for instrument in instruments]
    roots = split_roots([*(folders or []), *(data or [])])
    sources = split_names(source) if source else None
    return names, instruments, registry.instruments(), sources, roots


@app.command("render")
def render_tracks(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the tracks.")],
    instruments: Instruments = None,
    source: Annotated[str, typer.Option(help="Rendered source in the recipes.")] = "orchestra",
    split: Annotated[Side, typer.Option(help="Side of the split to play from.")] = Side.test,
    count: TrackCount = 10,
    seconds: TrackSeconds = (20.0, 30.0),
    soundfont: Annotated[
        str | None, typer.Option(help="Play everything with this one, to compare sound sources.")
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Play everything with recorded notes, FOLDER/<instrument>/C#4.ogg; 'all' are "
            "those with a folder.",
        ),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Terms of the recorded notes.")] = None,
    detune: Annotated[
        float,
        number(help="Most cents that each player is out of tune, at random.", least=0, most=99),
    ] = 0.0,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render multitracks from scores with soundfonts, or with recorded notes."""
    from timbresep.data.build import render_set

    if samples and soundfont:
        raise ConfigError("--samples and --soundfont exclude each other", "give one of them")
    if samples and detune:
        raise ConfigError("recorded notes are as in tune as they are", "leave out --detune")
    if licence and not samples:
        raise ConfigError("--licence states the terms of --samples", "give both, or neither")
    names = split_names(instruments or ["all"])
    chosen = Registry.load(plugins_dir or (), trust=trust).instruments(
        None if names == ["all"] else names
    )
    if samples and names == ["all"]:
        chosen = [item for item in chosen if (samples / item.name).is_dir()] or chosen
    with progress("rendering") as update:
        folders = render_set(
            chosen,
            source,
            split.value,
            count,
            out,
            seconds=seconds,
            soundfont=soundfont,
            samples=samples,
            licence=licence,
            seed=seed,
            detune=detune,
            progress=lambda done, total: update(done / total, f"{done} of {total} tracks"),
        )
    make_console().print(f"{len(folders)} tracks in {out}", soft_wrap=True)


@app.command("virtual")
def render_virtual(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the tracks.")],
    instruments: Instruments = None,
    count: TrackCount = 100,
    seconds: TrackSeconds = (20.0, 30.0),
    parts: Annotated[int, whole(help="Players in a track.", least=2, most=64)] = 4,
    real: Annotated[int, whole(help="Real instruments among them.", least=0, most=64)] = 0,
    source: Annotated[str, typer.Option(help="Rendered source of the real ones.")] = "orchestra",
    workers: RenderWorkers = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render multitracks of virtual instruments, blended of two each, to train on."""
    from timbresep.data.extras.stranger_sets import render_virtual_set

    names = split_names(instruments or ["all"])
    chosen = Registry.load(plugins_dir or (), trust=trust).instruments(
        None if names == ["all"] else names
    )
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


@app.command("guests")
def render_guests(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the tracks.")],
    instruments: Instruments = None,
    count: TrackCount = 100,
    seconds: TrackSeconds = (20.0, 30.0),
    parts: Annotated[int, whole(help="Players in a track.", least=2, most=64)] = 4,
    real: Annotated[int, whole(help="Instruments of plugins among them.", least=0, most=64)] = 0,
    source: Annotated[str, typer.Option(help="Rendered source of those.")] = "orchestra",
    guests: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="YAML file of guests; those of the program if not given."
        ),
    ] = None,
    workers: RenderWorkers = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render multitracks of instruments that no plugin is for, to train on."""
    from timbresep.data.extras.stranger_sets import GUESTS, render_guest_set

    names = split_names(instruments or ["all"])
    chosen = Registry.load(plugins_dir or (), trust=trust).instruments(
        None if names == ["all"] else names
    )
    with progress("rendering") as update:
        folders = render_guest_set(
            chosen,
            count,
            out,
            seconds=seconds,
            parts=parts,
            real=real,
            source=source,
            guests=guests or GUESTS,
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
        float | None, number(help="In all; the recipe's if not given.", least=0.1, most=1000)
    ] = None,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Render the solos that an instrument's recipe describes, for `ddsp train`."""
    from timbresep.voice.solos import render_voice_solos

    start_logging()
    files = render_voice_solos(
        plugin_folder(instrument, plugins_dir, trust) / "recipe.yaml", out, seed, minutes
    )
    make_console().print(f"{len(files)} files in {out}", soft_wrap=True)
