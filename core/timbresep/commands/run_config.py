"""`--config` of `train`: the options of a run as a YAML file, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from timbresep.errors import ConfigError, nearest
from timbresep.files import write_text
from timbresep.formats.notation import parse_yaml

NAME = "run.yaml"
NOT_OF_THE_RUN = ("out", "resume", "auto_resume", "config", "help", "trust")
"""Options that a file does not hold: where to, and whom to trust, which everyone says oneself."""

LARGEST = 1_000_000
"""Characters of such a file at most."""


def read(ctx: typer.Context, path: Path | None) -> Path | None:
    """Take the options in a file as defaults; those of the command line go first.

    Raises:
        ConfigError: the file cannot be read, or has a key that is no option.
    """
    if path is None or ctx.resilient_parsing:
        return path
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path} is too large", f"options have at most {LARGEST} bytes")
        values = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"{path}: {reason}", "check the path") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected options, such as `plugin: violin`", "")
    known = _keys(ctx)
    given: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"{path}: no option '{key}'", nearest(str(key), known))
        given[known[key].name or ""] = _as_typed(value, known[key], f"{path}: {key}")
    ctx.default_map = {**(ctx.default_map or {}), **given}
    return path


RunConfig = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=read,
        is_eager=True,
        expose_value=True,
        help="Take the options in this file, as a run writes them to its run.yaml. Options beside "
        "it go first.",
    ),
]


def write(context: typer.Context, folder: Path, resolved: Mapping[str, Any]) -> None:
    """Write the options of the command that runs into its folder, as `run.yaml`.

    Args:
        context: of the command.
        folder: of the run.
        resolved: option → value in effect, in place of one that was not given.

    Raises:
        OutputError: the file system refuses it.
    """
    values: dict[str, Any] = {}
    for key, option in _keys(context).items():
        value = context.params.get(option.name or "")
        if value is None or value == ():
            value = resolved.get(key)
        if value is not None:
            values[key] = _plain(value)
    again = f"{context.command_path} --config {folder / NAME}"
    about = f"# The options of this run: `{again}` repeats it.\n"
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    write_text(folder / NAME, about + text)


def _keys(context: typer.Context) -> dict[str, Any]:
    """Key in a file → option: its name without dashes in front, with underscores inside."""
    found = {}
    for option in context.command.params:
        names = [
            name.removeprefix("--").replace("-", "_") for name in option.opts if name[:2] == "--"
        ]
        if names and names[0] not in NOT_OF_THE_RUN:
            found[names[0]] = option
    return found


def _as_typed(value: Any, option: Any, where: str) -> Any:
    """A value as it would be typed: a list for options that repeat."""
    one = (str, int, float, bool)
    many = bool(getattr(option, "multiple", False))
    if many and isinstance(value, list):
        if not all(isinstance(each, one) for each in value):
            raise ConfigError(f"{where}: expected a list of texts", "")
        return [str(each) for each in value]
    if not isinstance(value, one):
        raise ConfigError(f"{where}: expected a text or a number", "")
    return [str(value)] if many else value


def _plain(value: Any) -> Any:
    """A value as YAML holds it."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
