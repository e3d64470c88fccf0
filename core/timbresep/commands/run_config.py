"""`--config` of `train`: the options of a run as a YAML file, in and out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pydantic
import typer
import yaml

from timbresep.commands.console import show_error
from timbresep.config import Model
from timbresep.errors import ConfigError, nearest
from timbresep.files import write_text
from timbresep.formats.notation import parse_yaml
from timbresep.formats.text import shown

NAME = "run.yaml"
NOT_OF_THE_RUN = ("out", "resume", "auto_resume", "config", "help", "trust", "json")
"""Options that a file does not hold: where to, and whom to trust, which everyone says oneself."""

LARGEST = 1_000_000
"""Characters of such a file at most."""


def read(ctx: typer.Context, path: Path | None) -> Path | None:
    """Take the options in a file as defaults; those of the command line go first.

    Raises:
        ConfigError: the file cannot be read, or has a key that is no option or a value that an
            option cannot have. Of several, all but the last are shown.
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
    given, wrong = _checked(values, known, ctx)
    if wrong:
        *others, last = [ConfigError(f"{path}: {told}", hint) for told, hint in wrong]
        for each in others:
            show_error(each)
        raise last
    ctx.default_map = {**(ctx.default_map or {}), **given}
    return path


def _checked(
    values: Mapping[object, object], known: Mapping[str, Any], ctx: typer.Context
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The values of a file by parameter; and what is wrong with a key, and a hint, for each."""
    wrong = [(f"no option '{key}'", nearest(str(key), known)) for key in values if key not in known]
    found = {str(key): _as_typed(values[key], known[key]) for key in known if key in values}
    try:
        _model(known, ctx)(**found)
    except pydantic.ValidationError as error:
        for each in error.errors():
            path = ".".join(map(str, each["loc"]))
            wrong.append((f"{path}: {_reason(each['msg'])}, not {each['input']!r}", ""))
    for key, value in found.items() if not wrong else ():
        option = known[key]
        try:  # within bounds?
            if option.callback is not None:
                option.callback(ctx, option, value)
        except ConfigError as error:
            wrong.append((error.message, error.hint))
    return {known[key].name: value for key, value in found.items()}, wrong


def _model(known: Mapping[str, Any], ctx: typer.Context) -> type[Model]:
    """What a file may hold: the options of the command, with their types."""
    hints = get_type_hints(ctx.command.callback)
    types: dict[str, Any] = {key: (hints[option.name], None) for key, option in known.items()}
    return pydantic.create_model("Options", __base__=Model, **types)


def _reason(message: str) -> str:
    return message[:1].lower() + message[1:]


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
    again = f"{context.command_path} --config {shlex.quote(str(folder / NAME))}"
    about = f"# The options of this run: `{shown(again)}` repeats it.\n"
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


def _as_typed(value: Any, option: Any) -> Any:
    """A value as it would be typed: a list for options that repeat, and numbers as texts there."""
    if option.multiple:
        value = value if isinstance(value, list) else [value]
        return [_text(each) for each in value]
    return _text(value) if option.type_descriptor.is_choice else value


def _text(value: Any) -> Any:
    """A number as text, anything else as it is."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    """A value as YAML holds it."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
