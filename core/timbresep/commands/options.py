"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.numbers import LARGEST_SEED, MANY, number, whole
from timbresep.errors import ConfigError, InterruptedRunError
from timbresep.formats.notation import parse_yaml
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.separation.options import MOST_TTA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Side(StrEnum):
    """Sides of the split by piece."""

    train = "train"
    valid = "valid"
    test = "test"


PluginsDir = Annotated[
    list[Path] | None,
    typer.Option(
        help="Also look for plugins in this folder of plugin folders, besides the bundled ones and "
        "those in $TIMBRESEP_PLUGINS; repeatable. Python in them runs with --trust alone."
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", help="Run the Python in folders of plugins. It can do whatever you can."
    ),
]
Instruments = Annotated[
    list[str] | None,
    typer.Option(
        "-i",
        "--instruments",
        help="Take these instruments: names or aliases with commas between, or 'all' (the "
        "default).",
    ),
]
SeparatorName = Annotated[
    str | None,
    typer.Option(
        "--separator", help="Use this separator of registry.yaml, in place of the default one."
    ),
]
CheckpointFile = Annotated[
    Path | None,
    typer.Option("--checkpoint", readable=False, help="Use this trained checkpoint."),
]
Device = Annotated[
    str,
    typer.Option(help="Compute on cpu, cuda or mps; auto is cuda where there is one, else cpu."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that are there already.")
]
Independent = Annotated[
    bool,
    typer.Option(
        "--independent",
        help="Estimate each stem by itself, without joint masking. Faster for few instruments, and "
        "less good.",
    ),
]
Tta = Annotated[
    int,
    whole(
        help="Average so many passes over the mixture, each at another pitch (test-time "
        "augmentation). Better, and as many times slower.",
        least=1,
        most=MOST_TTA,
    ),
]
KeepTuning = Annotated[
    bool,
    typer.Option(
        "--keep-tuning",
        help="Separate music as it is tuned. Else it is brought to A4 = 440 Hz for the network, "
        "and its stems back again.",
    ),
]
Reference = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=FILE[,FILE…] or NAME=FOLDER: ask for an instrument by what its own solo notes "
        "sound like in these reference recordings; repeatable. The name may be a new one."
    ),
]
Seed = Annotated[
    int,
    whole(help="Draw everything random from this seed.", least=0, most=LARGEST_SEED),
]

Sources = Annotated[
    list[str] | None,
    typer.Option(
        help="Take tracks from these sources of the recipes, with commas between. The default is "
        "each recipe's own choice."
    ),
]
DataRoots = Annotated[
    list[str] | None,
    typer.Option(
        help="[NAME=]FOLDER: take tracks from this folder of <track>/<instrument>.wav, in place "
        "of the recipes' source of that name or beside them; repeatable."
    ),
]
MaxMinutes = Annotated[
    float | None,
    number(
        help="Stop after so many minutes of training, if the steps are not done before. No limit "
        "by default.",
        least=0.01,
        most=MANY,
    ),
]
Limit = Annotated[
    int | None, whole(help="Take only so many tracks, the first ones.", least=1, most=MANY)
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the run in --out. Only --max-steps, --max-minutes, --validate-every, "
        "--workers and --device may differ from what it was started with.",
    ),
]


def split_names(given: list[str]) -> list[str]:
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
    """Folders by name; one that is given alone is called as it is."""
    pairs = [item.partition("=") for item in given]
    return {a if sign else Path(a).name: Path(b if sign else a) for a, sign, b in pairs}


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
    """The checkpoint that the options name; without them, the registry's separator."""
    if separator and checkpoint:
        raise ConfigError("--separator and --checkpoint exclude each other", "give one of them")
    return checkpoint or registry.separator_path(separator)


@contextmanager
def resumable(run: Path, state: str) -> Iterator[None]:
    """Tell with an interrupt where the run is and how it goes on.

    Args:
        run: its folder.
        state: pattern of the files in it that it can go on from.

    Raises:
        InterruptedRunError: in place of a `KeyboardInterrupt`, if there is such a file.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if not any(run.glob(state)):
            raise
        raise InterruptedRunError(
            f"interrupted, the run is kept in {run}", f"go on with: {_again(run)}"
        ) from interrupt


def _again(run: Path) -> str:
    """The command at work, so that it goes on with a run."""
    program, *given = sys.argv
    start = ["python", program] if program.endswith(".py") else [Path(program).name]
    out = [] if any(word.split("=")[0] == "--out" for word in given) else ["--out", str(run)]
    resume = [] if "--resume" in given else ["--resume"]
    return shlex.join([*start, *given, *out, *resume])
