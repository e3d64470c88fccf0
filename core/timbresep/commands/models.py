"""`models`: pretrained source models, and getting their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from timbresep.commands.console import make_console, say, say_json
from timbresep.commands.options import AsJson, Overwrite, PluginsDir, Trust
from timbresep.commands.progress import progress
from timbresep.errors import ConfigError, PluginError
from timbresep.formats.text import shown
from timbresep.hookspecs import SourceModelSpec
from timbresep.registry import pretrained
from timbresep.registry.registry import Registry

app = typer.Typer(help="Show pretrained source models, and get their weights.")

WeightsFile = Annotated[
    Path | None,
    typer.Option(
        "--from",
        readable=False,
        help="Take the weights from this safetensors file instead. It is copied.",
    ),
]


@app.callback(invoke_without_command=True)
def show_models(
    context: typer.Context,
    as_json: AsJson = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Show every source model: its sources, the size and licence of its weights, what it lacks."""
    if context.invoked_subcommand:
        if plugins_dir or trust or as_json:
            raise ConfigError(
                "--json is for the listing; --plugins-dir and --trust stand after the name of "
                "the model"
            )
        return
    registry = Registry.load(plugins_dir or (), trust=trust)
    if as_json:
        say_json([_described(spec) for spec in registry.source_models()])
        return
    view = Table("name", "sources", "rate", "size", "licence of the weights", "state")
    for spec in registry.source_models():
        view.add_row(
            spec.name,
            shown(", ".join(spec.sources)),
            f"{spec.sample_rate / 1000:g} kHz",
            megabytes(spec.size),
            shown(spec.licence),
            shown(_state(spec)),
        )
    say(view)


@app.command("get")
def get_model(
    name: Annotated[str, typer.Argument(help="The source model.")],
    file: WeightsFile = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Get the weights of a source model. Those that are there and whole are kept."""
    spec = Registry.load(plugins_dir or (), trust=trust).source_model(name)
    if file is None and not overwrite and pretrained.whole(spec):
        say(f"{name} is there already: {pretrained.weights_file(spec)}")
        return
    size = f"{megabytes(spec.size)}; " if file is None else ""
    make_console(stderr=True).print(f"{name}: {size}licence: {spec.licence}", soft_wrap=True)
    with progress(name) as update:
        record = pretrained.get(
            spec,
            file,
            lambda done, total: update(done / total, f"{megabytes(done)} of {megabytes(total)}"),
            replace=overwrite,
        )
    if file and spec.sha256 and record.sha256 != spec.sha256:
        say(f"{file} is not the file that was published (sha256 {record.sha256})")
    say(f"wrote {pretrained.weights_file(spec)}")


def megabytes(size: int) -> str:
    """Bytes as MB."""
    return f"{size / 1e6:.0f} MB"


def _described(spec: SourceModelSpec) -> dict[str, object]:
    """What the table says, for programs: Hz, bytes, and whether it can be used as it is."""
    state = _state(spec)
    return {
        "name": spec.name,
        "summary": spec.summary,
        "sources": spec.sources,
        "sample_rate": spec.sample_rate,
        "bytes": spec.size,
        "licence": spec.licence,
        "ready": state.startswith("ready"),
        "state": state,
    }


def _state(spec: SourceModelSpec) -> str:
    try:
        return pretrained.state(spec)
    except PluginError as error:
        return f"broken: {error}"
