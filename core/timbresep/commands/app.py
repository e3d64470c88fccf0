"""The command line assembled: each command has a file of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated

import typer

from timbresep import __version__
from timbresep.commands import usage
from timbresep.commands.console import be_quiet, json_alone, run, show_error
from timbresep.commands.program import PROGRAM
from timbresep.errors import ConfigError

SEPARATE = f"""
[bold]Examples[/]

  {PROGRAM} separate song.wav -i violin,flute,bass -o out/

  {PROGRAM} separate *.flac -i all --residual --format flac

  {PROGRAM} separate quartet.wav --score quartet.musicxml -o out/
"""
EXAMPLES = f"""{SEPARATE}
  {PROGRAM} listen song.wav

  {PROGRAM} notes song.wav -i violin,cello -o out/

  {PROGRAM} train --plugin violin --max-minutes 10

  {PROGRAM} evaluate data/starter/demo

  {PROGRAM} condition show violin flute
"""

COMMANDS = {
    "list": ("listing", "list_plugins"),
    "check": ("check", "check"),
    "separate": ("separate", "separate"),
    "listen": ("listen", "listen"),
    "notes": ("notes", "notes"),
    "serve": ("serve", "serve"),
    "evaluate": ("evaluate", "evaluate"),
    "export": ("export", "export"),
    "train": ("training", "train"),
    "adapt": ("training", "adapt"),
    "ablate": ("ablation", "ablate"),
}
GROUPS = ("new", "condition", "ddsp", "data", "models", "score")


def assemble(only: str | None = None) -> typer.Typer:
    """The application with all commands, or with the only one that is needed.

    Reading the options of every command takes longer than `list` itself.
    """
    app = typer.Typer(
        epilog=EXAMPLES,
        rich_markup_mode="rich",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    for name, (module, function) in COMMANDS.items():
        if only in (None, name):
            epilog = SEPARATE if name == "separate" else None
            app.command(name, epilog=epilog)(getattr(_module(module), function))
    for name in GROUPS:
        if only in (None, name):
            app.add_typer(_module(name).app, name=name)
    return app


def _module(name: str) -> ModuleType:
    return import_module(f"timbresep.commands.{name}")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"timbresep {__version__}")
        raise typer.Exit


def _program(
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Show the traceback of an error. It may stand anywhere in the command."
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            help="Print only errors, and JSON where it is asked for. It may stand anywhere in the "
            "command.",
        ),
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Separate a recording into its instruments. Each instrument is a plugin."""
    del debug, quiet, version  # `main` and the callback have taken them


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    rest = [item for item in given if item not in ("--debug", "--quiet")]
    be_quiet("--quiet" in given)
    json_alone(False)
    only = rest[0] if rest and rest[0] in {*COMMANDS, *GROUPS} else None
    return run(lambda: _run(only, rest), debug="--debug" in given)


def _run(only: str | None, words: Sequence[str]) -> None:
    """Parse a command and run it; wrong usage is told in one line."""
    try:
        code = assemble(only)(words, prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        if text := usage.told(error):
            show_error(ConfigError(text))
        raise SystemExit(usage.CODE) from error
    if code:
        raise SystemExit(code)
