"""timbresep on the command line: each command parses, calls the core and prints."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from timbresep.commands.ablation import ablate
from timbresep.commands.condition import app as condition_app
from timbresep.commands.console import make_console, run, show_error, show_note, start_logging
from timbresep.commands.data import app as data_app
from timbresep.commands.ddsp import app as ddsp_app
from timbresep.commands.numbers import MOST_PROCESSES, whole
from timbresep.commands.options import (
    Alone,
    CheckpointFile,
    Device,
    Instruments,
    KeepTuning,
    Limit,
    Notes,
    Overwrite,
    Passes,
    PluginsDir,
    SeparatorName,
    Side,
    Trust,
    checkpoint_path,
    hear,
    split_names,
)
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import clock, progress
from timbresep.commands.training import adapt, train
from timbresep.formats.text import shown
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.separation.batch import FileReport
    from timbresep.separation.separator import Separator

EXAMPLES = f"""
[bold]Examples[/]

  {PROGRAM} separate song.wav -i violin,flute,bass -o out/

  {PROGRAM} separate *.flac -i all --residual --format flac

  {PROGRAM} train --plugin violin --max-minutes 10

  {PROGRAM} evaluate data/starter/demo

  {PROGRAM} condition show violin flute
"""

app = typer.Typer(
    help="Separate any instrument from a mix; each instrument is a plugin.",
    epilog=EXAMPLES,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(condition_app, name="condition")
app.add_typer(ddsp_app, name="ddsp")
app.add_typer(data_app, name="data")


class Format(StrEnum):
    """File formats of stems."""

    wav = "wav"
    flac = "flac"


class Bits(StrEnum):
    """Bits a sample of stems has: 32 is float."""

    b16 = "16"
    b24 = "24"
    b32 = "32"


class BssEval(StrEnum):
    """Whose stems BSSEval measures."""

    separator = "separator"
    all = "all"


SUBTYPES = {Bits.b16: "PCM_16", Bits.b24: "PCM_24", Bits.b32: "FLOAT"}


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors; may stand anywhere.")
    ] = False,
) -> None:
    """Separate any instrument from a mix; each instrument is a plugin."""
    del debug  # `main` has taken it


@app.command("list")
def list_plugins(plugins_dir: PluginsDir = None, trust: Trust = False) -> None:
    """Show every plugin and separator, and what is wrong with the broken ones."""
    registry = Registry.load(plugins_dir or (), trust=trust)
    view = Table("kind", "name", "status", "from", "about")
    for row in registry.rows():
        status = Text(row.status, "green" if row.status == "ok" else "red")
        view.add_row(row.kind, shown(row.name), status, shown(row.owner), shown(row.detail))
    for name, separator in registry.config.separators.items():
        default = "default; " if name == registry.config.default_separator else ""
        path = registry.folder / separator.file
        status = Text("ok", "green") if path.is_file() else Text("broken", "red")
        about = f"{default}{separator.file}" if path.is_file() else f"{path} is missing"
        view.add_row("separator", name, status, "bundled", shown(about))
    make_console().print(view)


@app.command(epilog=EXAMPLES.split(f"{PROGRAM} train")[0])
def separate(
    files: Annotated[
        list[Path],
        typer.Argument(
            readable=False,
            help="Audio files: WAV, FLAC, Ogg, MP3, AIFF; also M4A, WMA, WebM and others where "
            "ffmpeg is installed.",
        ),
    ],
    instruments: Instruments = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Stems go to OUT/<file>/<instrument>.")
    ] = Path("out"),
    separator: SeparatorName = None,
    checkpoint: CheckpointFile = None,
    format: Annotated[Format, typer.Option(help="Of the stems.")] = Format.wav,
    bits: Annotated[
        Bits | None, typer.Option(help="32 is float (the default of WAV); FLAC takes 16 or 24.")
    ] = None,
    residual: Annotated[
        bool, typer.Option("--residual", help="Also write what the stems leave of the mixture.")
    ] = False,
    consistent: Annotated[
        bool,
        typer.Option("--consistent", help="Stems share the mixture: name everything that plays."),
    ] = False,
    alone: Alone = False,
    passes: Passes = 1,
    keep_tuning: KeepTuning = False,
    notes: Notes = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Separate files into instruments: several of both in one run, the model loaded once."""
    from timbresep.separation.batch import Output, check, separate_batch

    subtype = SUBTYPES[bits] if bits else None
    output = Output(out, format.value, subtype, residual, consistent, overwrite)
    start_logging()
    model, names = _open(
        separator,
        checkpoint,
        instruments,
        device,
        plugins_dir,
        trust,
        alone,
        passes,
        keep_tuning,
        notes,
    )
    check(output, names)
    with progress("separating") as update:
        batch = separate_batch(
            model,
            files,
            names,
            output,
            report=lambda path, share: update(share, path.name),
            finished=_print_file,
            failed=lambda _, error: show_error(error),
        )
    if batch.failed:
        total = len(batch.failed) + len(batch.done)
        said = make_console(stderr=True)
        said.print(f"{len(batch.failed)} of {total} files could not be separated")
        raise typer.Exit(1)


@app.command()
def evaluate(
    tracks: Annotated[
        str,
        typer.Argument(
            help="[NAME=]FOLDER of tracks, <track>/<instrument>.wav, or of a dataset; NAME is a "
            "recipe's source, for what it calls the stems."
        ),
    ],
    instruments: Instruments = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the scores as JSON and CSV; a rerun goes on."),
    ] = None,
    separator: SeparatorName = None,
    checkpoint: CheckpointFile = None,
    against: Annotated[
        Path | None, typer.Option(readable=False, help="An earlier checkpoint to score beside it.")
    ] = None,
    bsseval: Annotated[
        BssEval | None,
        typer.Option(help="Also BSSEval v4, which is slow: of the stems, or of baselines too."),
    ] = None,
    workers: Annotated[
        int, whole(help="Processes, a track each.", least=1, most=MOST_PROCESSES)
    ] = 1,
    split: Annotated[Side | None, typer.Option(help="Only this side of the split.")] = None,
    limit: Limit = None,
    swaps: Annotated[
        bool, typer.Option("--swaps", help="Also show each pair of swapped conditions.")
    ] = False,
    alone: Alone = False,
    passes: Passes = 1,
    keep_tuning: KeepTuning = False,
    notes: Notes = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Score a separator on multitracks, beside silence, the mixture and an oracle."""
    from timbresep import evaluation
    from timbresep.evaluation import table

    start_logging()
    source, root = evaluation.named_folder(tracks)
    registry = Registry.load(plugins_dir or (), trust=trust)
    plan = evaluation.Plan(
        checkpoint=checkpoint_path(registry, separator, checkpoint),
        instruments=tuple(split_names(instruments or ["all"])),
        earlier=against,
        bsseval=bsseval.value if bsseval else None,
        device=device,
        competing=not alone,
        passes=passes,
        tuned=not keep_tuning,
        plugins=tuple(plugins_dir or ()),
        trust=trust,
        heard=hear(notes or []),
    )
    with progress("evaluating") as update:
        result = evaluation.evaluate_folder(
            plan,
            root,
            registry.instruments(),
            split=split.value if split else None,
            limit=limit,
            out=out,
            overwrite=overwrite,
            source=source,
            workers=workers,
            report=lambda name, done, total: update(done / max(total, 1), name),
            failed=lambda _, error: show_error(error),
        )
    console = make_console()
    console.print(table.table(result, f"{plan.checkpoint.name} on {root}"))
    if swaps:
        console.print(table.swap_table(result))
    if result.leaks:
        console.print(table.leak_table(result))
    if result.bss:
        console.print(table.bss_table(result))
    console.print(table.summary(result), soft_wrap=True)
    if out is not None:
        console.print(f"wrote {out}", soft_wrap=True)
    if result.skipped:
        raise typer.Exit(1)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(readable=False, help="A trained checkpoint.")],
    out: Annotated[
        Path, typer.Argument(help="File to write, such as separators/NAME.safetensors.")
    ],
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Write a checkpoint in half precision, to ship it as a separator."""
    from timbresep.checkpoint import export as export_checkpoint

    digest = export_checkpoint(
        checkpoint, out, Registry.load(plugins_dir or (), trust=trust).backbone
    )
    console = make_console()
    console.print(f"wrote {out}; for the separators in registry.yaml:", soft_wrap=True)
    console.print(f"  {out.stem}: {{file: {out}, sha256: {digest}}}", soft_wrap=True)


def _open(
    separator: str | None,
    checkpoint: Path | None,
    instruments: list[str] | None,
    device: str,
    plugins_dir: list[Path] | None,
    trust: bool,
    alone: bool,
    passes: int,
    keep_tuning: bool,
    notes: list[str] | None,
) -> tuple[Separator, list[str]]:
    """The separator asked for, and the instruments as it calls them."""
    from timbresep.separation.load import open_separator

    registry = Registry.load(plugins_dir or (), trust=trust)
    path = checkpoint_path(registry, separator, checkpoint)
    names = split_names(instruments or ["all"])
    how = device, not alone, passes, not keep_tuning
    return open_separator(path, registry, names, *how, hear(notes or []))


def _print_file(report: FileReport) -> None:
    console = make_console()
    stems = ", ".join(path.name for path in report.outputs)
    speed = report.duration / max(report.seconds, 1e-9)
    console.print(
        f"{shown(report.path)} → {shown(report.outputs[0].parent)}: {stems} "
        f"({clock(report.duration)} of audio in {report.seconds:.1f} s, {speed:.1f}× real time)",
        soft_wrap=True,
    )
    for note in report.notes:
        show_note(note)


app.command()(train)
app.command()(adapt)
app.command()(ablate)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    rest = [item for item in given if item != "--debug"]
    return run(lambda: app(rest, prog_name=PROGRAM), debug)
