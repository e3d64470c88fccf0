"""The command line assembled: each command has a file of its own."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from timbresep import __version__
from timbresep.commands.ablation import ablate
from timbresep.commands.condition import app as condition_app
from timbresep.commands.console import run
from timbresep.commands.data import app as data_app
from timbresep.commands.ddsp import app as ddsp_app
from timbresep.commands.evaluate import evaluate
from timbresep.commands.export import export
from timbresep.commands.listing import list_plugins
from timbresep.commands.program import PROGRAM
from timbresep.commands.separate import EXAMPLES as SEPARATE
from timbresep.commands.separate import separate
from timbresep.commands.training import adapt, train

EXAMPLES = f"""{SEPARATE}
  {PROGRAM} train --plugin violin --max-minutes 10

  {PROGRAM} evaluate data/starter/demo

  {PROGRAM} condition show violin flute
"""

app = typer.Typer(
    epilog=EXAMPLES,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"timbresep {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors; may stand anywhere.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Separate any instrument from a mix; each instrument is a plugin."""
    del debug, version  # `main` and the callback have taken them


app.command("list")(list_plugins)
app.command(epilog=SEPARATE)(separate)
app.command()(evaluate)
app.command()(export)
app.add_typer(condition_app, name="condition")
app.add_typer(ddsp_app, name="ddsp")
app.add_typer(data_app, name="data")
app.command()(train)
app.command()(adapt)
app.command()(ablate)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    rest = [item for item in given if item != "--debug"]
    return run(lambda: app(rest, prog_name=PROGRAM), debug=debug)
