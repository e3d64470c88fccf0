"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from timbresep.commands.completion import instruments, separators
from timbresep.commands.console import json_alone
from timbresep.commands.numbers import LARGEST_SEED, MANY, number, whole
from timbresep.commands.panels import HOW, MACHINE, MIXTURES, RUN, WRITTEN
from timbresep.errors import ConfigError
from timbresep.formats.notation import parse_yaml
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.separation.options import MOST_TTA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Side = Literal["train", "valid", "test"]
PluginsDir = Annotated[
    list[Path] | None,
    typer.Option(
        help="Also use the plugins in this folder, which holds one folder for each plugin; "
        "repeatable. $TIMBRESEP_PLUGINS can name such folders too. Python in them runs "
        "only with --trust.",
        rich_help_panel=MACHINE,
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run the Python code of plugins outside this project. Such code can do anything"
        " that you can do. Off by default.",
        rich_help_panel=MACHINE,
    ),
]


Instruments = Annotated[
    list[str] | None,
    typer.Option(
        "-i",
        "--instruments",
        autocompletion=instruments,
        help="Use these instruments: names or aliases, separated by commas. The default is 'all'.",
    ),
]
SeparatorName = Annotated[
    str | None,
    typer.Option(
        "--separator",
        autocompletion=separators,
        help="Use this separator, one that registry.yaml lists. The default is the one that "
        "registry.yaml names.",
        rich_help_panel=HOW,
    ),
]
CheckpointFile = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        readable=False,
        help="Use the network in this checkpoint file: as the separator, or with --separator in "
        "place of the network of a listed chain.",
        rich_help_panel=HOW,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="Compute on cpu, cuda or mps. auto takes cuda if there is one, otherwise cpu.",
        rich_help_panel=MACHINE,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace existing files. Without it, existing files are an error.",
        rich_help_panel=WRITTEN,
    ),
]
Independent = Annotated[
    bool,
    typer.Option(
        "--independent",
        help="Turn joint masking off: estimate each stem by itself. This is faster if you "
        "ask for a few instruments only, but less accurate.",
        rich_help_panel=HOW,
    ),
]
Tta = Annotated[
    int,
    whole(
        help="Separate the mixture at this many pitches and average the results (test-time "
        "augmentation). Better, and as many times slower; 1 is off.",
        least=1,
        most=MOST_TTA,
        rich_help_panel=HOW,
    ),
]
KeepTuning = Annotated[
    bool,
    typer.Option(
        "--keep-tuning",
        help="Turn retuning off. By default, music that is not at A4 = 440 Hz is retuned for"
        " the network, and the stems are tuned back.",
        rich_help_panel=HOW,
    ),
]
TranscriberName = Annotated[
    str | None,
    typer.Option(
        "--transcriber",
        help="Ask this transcriber, one that registry.yaml lists, which notes each instrument "
        "plays. The default is the one that registry.yaml names for the separator. 'none' leaves "
        "it out: quicker, and worse on ensembles.",
        rich_help_panel=HOW,
    ),
]
Refine = Annotated[
    bool,
    typer.Option(
        "--refine",
        help="Refine the stems: notes of the mixture go to one instrument each, with all their "
        "overtones. For ensembles of pitched instruments; slower. Off by default.",
        rich_help_panel=HOW,
    ),
]
Reference = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=FILE[,FILE…] or NAME=FOLDER: reference recordings, solo notes of the "
        "instrument that plays in the mixture. The separator looks for that sound; "
        "repeatable. NAME may be an instrument without a plugin.",
        rich_help_panel=HOW,
    ),
]
Seed = Annotated[
    int,
    whole(
        help="Seed of all random numbers: the same seed gives the same result.",
        least=0,
        most=LARGEST_SEED,
        rich_help_panel=RUN,
    ),
]

AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=json_alone,
        help="Print JSON for programs in place of tables. What else is said goes to stderr.",
        rich_help_panel=WRITTEN,
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        help="Use tracks of these sources, separated by commas. Recipes (recipe.yaml) define"
        " the sources; the default is each recipe's own choice.",
        rich_help_panel=MIXTURES,
    ),
]
DataRoots = Annotated[
    list[str] | None,
    typer.Option(
        help="[NAME=]FOLDER: use the tracks in this folder, <track>/<instrument>.wav or a "
        "published dataset; repeatable. NAME says which source of the recipes it "
        "replaces, or whose the solo recordings in it are; a new NAME, or none, adds a source.",
        rich_help_panel=MIXTURES,
    ),
]
MaxMinutes = Annotated[
    float | None,
    number(
        help="Stop after this many minutes of training, even if steps are left. No limit by "
        "default.",
        least=0.01,
        most=MANY,
        rich_help_panel=RUN,
    ),
]
Limit = Annotated[
    int | None,
    whole(help="Use only the first tracks, this many. The default is all.", least=1, most=MANY),
]
Split = Annotated[
    Side | None,
    typer.Option(
        help="Score only tracks on this side of the train/valid/test split. The default is all."
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue the interrupted run in --out. Give the options that it was started "
        "with; only --max-steps, --max-minutes, --validate-every, --workers, --device, "
        "--devices, --nodes and --strategy may differ.",
        rich_help_panel=RUN,
    ),
]


def plugin_options(plugins_dir: list[Path] | None, *, trust: bool) -> str:
    """The options of a command, with a space before, that let the next one find its plugins."""
    words = [word for folder in plugins_dir or () for word in ("--plugins-dir", str(folder))]
    return "".join(f" {shlex.quote(word)}" for word in [*words, *["--trust"] * trust])


def split_names(given: Sequence[str]) -> list[str]:
    """Names given with commas between, or one by one."""
    return [name.strip() for item in given for name in item.split(",") if name.strip()]


def named_instruments(registry: Registry, given: list[str] | None) -> list[Instrument]:
    """The instruments that an option names, all of them by default."""
    names = split_names(given or ["all"])
    return registry.instruments(None if names == ["all"] else names)


def split_numbers(text: str) -> list[float]:
    """MIDI numbers with commas between."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"'{text}' is not a list of numbers", "such as 60,62.5,64") from error
    if not all(0 <= value <= 127 for value in numbers):
        raise ConfigError(f"'{text}': MIDI numbers are from 0 to 127", "such as 60,62.5,64")
    return numbers


def split_roots(given: list[str]) -> dict[str, Path]:
    """Source → folder, of ``[NAME=]FOLDER``.

    A folder without a name is a source of its own, known by its path, which is no recipe's: what a
    folder is called says nothing of what is in it.

    Raises:
        ConfigError: two folders have one name.
    """
    found: dict[str, Path] = {}
    for item in given:
        name, sign, folder = item.partition("=")
        if not sign or Path(item).is_dir():
            name, folder = f"{Path(item)}/", item
        if found.setdefault(name, Path(folder)) != Path(folder):
            raise ConfigError(f"--data: two folders are called '{name}'", "give each its own NAME")
    return found


def split_values(given: list[str]) -> dict[str, int | float | bool | str]:
    """Values by name, of ``NAME=VALUE``; numbers and truth as YAML has them.

    Raises:
        ConfigError: something else is given.
    """
    values = {}
    for item in given:
        name, sign, text = item.partition("=")
        if not sign:
            raise ConfigError(f"'{item}': expected NAME=VALUE", "such as --set hidden=128")
        value = parse_yaml(text, f"'{item}'")
        if not isinstance(value, int | float | str):
            raise ConfigError(f"'{item}': the value is not a number, word or true/false")
        values[name] = value
    return values


def reference_conditions(given: list[str]) -> dict[str, NDArray[np.float32]]:
    """Conditions by name, of the reference recordings of ``NAME=FILE[,FILE…]`` or a folder.

    Raises:
        ConfigError: something else is given.
        DataError: nothing at the path, or recordings that cannot serve.
        AudioError: a recording that cannot be read.
    """
    files: dict[str, list[Path]] = {}
    for item in given:
        name, sign, paths = item.partition("=")
        if not (name and sign and paths):
            raise ConfigError(f"--reference {item}: no NAME=FILE", "such as violin=my-notes/")
        files.setdefault(name, []).extend(_recordings(paths))
    if not files:
        return {}
    from timbresep.condition.reference import from_files

    return {name: from_files(paths) for name, paths in files.items()}


def _recordings(text: str) -> list[Path]:
    """The files of a path, or of several with commas between; a folder stands for those in it."""
    from timbresep.voice.solos import recordings

    whole = Path(text)
    paths = [whole] if whole.exists() else [Path(part) for part in text.split(",") if part]
    return [file for path in paths for file in ([path] if path.is_file() else recordings(path))]


def plugin_folder(plugin: str, plugins_dir: list[Path] | None, trust: bool = False) -> Path:
    """A plugin's folder, by path or name; a path may lead to one that is not complete yet."""
    if (Path(plugin) / "instrument.yaml").is_file():
        return Path(plugin)
    return Registry.load(plugins_dir or (), trust=trust).instruments([plugin])[0].folder


def checkpoint_path(registry: Registry, separator: str | None, checkpoint: Path | None) -> Path:
    """The network's file of the separator that the options name, or of the registry's default."""
    return registry.separators.get(separator, checkpoint).checkpoint
