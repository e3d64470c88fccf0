"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigError
from core.registry import Registry


class Side(StrEnum):
    """Sides of the split by piece."""

    train = "train"
    valid = "valid"
    test = "test"


PluginsDir = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder of plugin folders, besides the bundled ones and those in $TIMBRESEP_PLUGINS; "
        "repeatable."
    ),
]
Instruments = Annotated[
    list[str] | None,
    typer.Option("-i", "--instruments", help="Names or aliases with commas between, or 'all'."),
]
SeparatorName = Annotated[str | None, typer.Option("--separator", help="A shipped separator.")]
CheckpointFile = Annotated[Path | None, typer.Option("--checkpoint", help="A trained checkpoint.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, mps, or auto for the best there is.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]
Seed = Annotated[int, typer.Option(min=0, help="Source of chance.")]


def split_names(given: list[str]) -> list[str]:
    """Names given with commas between, or one by one."""
    return [name.strip() for item in given for name in item.split(",") if name.strip()]


def split_numbers(text: str) -> list[float]:
    """Numbers with commas between."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"'{text}' is not a list of numbers", "such as 60,62.5,64") from error


def split_roots(given: list[str]) -> dict[str, Path]:
    """Folders by name; one that is given alone is called as it is."""
    pairs = [item.partition("=") for item in given]
    return {a if sign else Path(a).name: Path(b if sign else a) for a, sign, b in pairs}


def plugin_folder(plugin: str, plugins_dir: list[Path] | None) -> Path:
    """A plugin's folder, by path or name; a path may lead to one that is not complete yet."""
    if (Path(plugin) / "instrument.yaml").is_file():
        return Path(plugin)
    return Registry.load(plugins_dir or ()).instruments([plugin])[0].folder
