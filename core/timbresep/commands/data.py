"""`data`: training and evaluation audio, looked into, prepared and rendered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands import render
from timbresep.commands.console import make_console, say, say_json, start_logging
from timbresep.commands.numbers import MANY, whole
from timbresep.commands.options import (
    AsJson,
    Overwrite,
    PluginsDir,
    Seed,
    Trust,
    named_instruments,
    split_names,
    split_roots,
)
from timbresep.commands.progress import counting
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.data.track import Track

Folders = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=]FOLDER",
        help="Datasets to use. NAME says which source of the recipes a folder replaces, or whose "
        "the solo recordings in it are; a new NAME, or none, adds a source. By default, the "
        "recipes' own sources are used.",
        show_default=False,
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        "-p",
        help="Use these instruments: names or aliases, separated by commas. The default is all.",
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="Use these sources of the recipes, separated by commas. The default is each "
        "recipe's own choice.",
    ),
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data", help="[NAME=]FOLDER: a dataset, as in the arguments and as in train; repeatable."
    ),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Write to this folder.")]
ALL = 1000  # problems that are shown when every stem is decoded

app = typer.Typer(no_args_is_help=True, help="Check and prepare datasets, and render audio.")


@app.command("check")
def check_data(
    folders: Folders = None,
    plugin: Plugins = None,
    source: Sources = None,
    data: Data = None,
    listen: Annotated[
        int,
        whole(
            help="Compare the mixture of this many tracks with the sum of their stems.",
            least=0,
            most=MANY,
        ),
    ] = 20,
    decode: Annotated[
        bool,
        typer.Option(
            "--decode",
            help="Decode every stem to its end, which finds damaged and incomplete files. Slow; "
            "off by default.",
        ),
    ] = False,
    as_json: AsJson = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Report what a training run would find: tracks, minutes, faults, licences, what is missing."""
    from timbresep.data.build import list_sources
    from timbresep.data.sources import check
    from timbresep.data.sources.decoding import decode as decode_all
    from timbresep.data.threads import workers

    start_logging()
    registry = Registry.load(plugins_dir or (), trust=trust)
    asked = _asked(registry, plugin, source, [*(folders or []), *(data or [])])
    listings = list_sources(asked.instruments, asked.everyone, asked.sources, asked.roots)
    said = make_console(stderr=True)
    with counting("comparing mixtures") as count:
        sums = [check.compare_mixtures(listing, listen, count) for listing in listings]
    damaged, decoded = 0, list[str]()
    if decode:
        with counting("decoding", "stems") as count:
            for listing in listings:
                faults, lines = decode_all(listing, workers(), count)
                damaged, decoded = damaged + faults, [*decoded, *lines]
    remarks = [*decoded, *filter(None, sums), *check.notes(listings, asked.names)]
    if as_json:
        say_json({**check.as_data(listings, asked.names), "damaged": damaged, "remarks": remarks})
    else:
        say(check.source_table(listings))
        say(check.instrument_table(listings, asked.names))
        for line in remarks:
            say(line)
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
    """Render, decode and sum the audio that training would otherwise prepare at its start."""
    from timbresep.data.user_cache import default_cache

    registry = Registry.load(plugins_dir or (), trust=trust)
    tracks = _prepared(_asked(registry, plugin, source, [*(folders or []), *(data or [])]))
    say(f"{len(tracks)} tracks are ready; what had to be written is in {default_cache()}")


@app.command("show")
def show_data(
    out: Out,
    folders: Folders = None,
    plugin: Plugins = None,
    source: Sources = None,
    data: Data = None,
    count: Annotated[int, whole(help="Write this many mixtures.", least=1, most=32)] = 8,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Write training mixtures and their targets as WAV files, with a picture of them."""
    from timbresep.data.mixing import show
    from timbresep.data.mixing.config import MixConfig

    registry = Registry.load(plugins_dir or (), trust=trust)
    asked = _asked(registry, plugin, source, [*(folders or []), *(data or [])])
    settings = registry.config.training
    config = MixConfig(
        seconds=settings.seconds, channels=settings.channels, targets=settings.targets
    )
    examples = show.draw_examples(_prepared(asked), asked.names, config, count, seed)
    files = show.write_examples(examples, config.rate, out, overwrite=overwrite)
    say(f"{len(files)} files in {out}; see {files[0]}")


app.command("render")(render.render_tracks)
app.command("extras")(render.render_extra_instruments)
app.command("solos")(render.render_solos)


@dataclass(frozen=True)
class _Asked:
    """What a command is about.

    Attributes:
        instruments: those asked for.
        everyone: all of the registry.
        sources: sources of the recipes; None for each recipe's own choice.
        roots: source → folder.
    """

    instruments: list[Instrument]
    everyone: list[Instrument]
    sources: list[str] | None
    roots: dict[str, Path]

    @property
    def names(self) -> list[str]:
        """Names of the instruments asked for."""
        return [instrument.name for instrument in self.instruments]


def _asked(
    registry: Registry, plugin: list[str] | None, source: list[str] | None, folders: list[str]
) -> _Asked:
    return _Asked(
        named_instruments(registry, plugin),
        registry.instruments(),
        split_names(source) if source else None,
        split_roots(folders),
    )


def _prepared(asked: _Asked) -> list[Track]:
    """The tracks that training would use, made now."""
    from timbresep.data.build import build_tracks

    with counting("preparing", "tracks") as progress:
        return build_tracks(
            asked.instruments, asked.everyone, asked.sources, asked.roots, progress=progress
        )
