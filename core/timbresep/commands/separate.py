"""`separate`: files and instruments in, stems out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from timbresep.commands.console import make_console, say, show_error, show_note, start_logging
from timbresep.commands.options import (
    CheckpointFile,
    Device,
    Independent,
    Instruments,
    KeepTuning,
    Overwrite,
    PluginsDir,
    Reference,
    SeparatorName,
    Trust,
    Tta,
    reference_conditions,
    split_names,
)
from timbresep.commands.progress import clock, progress
from timbresep.formats.text import shown
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

if TYPE_CHECKING:
    from timbresep.separation.batch import FileReport


SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "32": "FLOAT"}

Files = Annotated[
    list[Path],
    typer.Argument(
        readable=False,
        help="Audio files: WAV, FLAC, Ogg, MP3 or AIFF. M4A, WMA, WebM and others need ffmpeg.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "-o",
        "--out",
        help="Write the stems of a file to this folder, as OUT/<file>/<instrument>.wav.",
    ),
]
StemFormat = Annotated[Literal["wav", "flac"], typer.Option(help="File format of the stems.")]
StemBits = Annotated[
    Literal["16", "24", "32"] | None,
    typer.Option(
        help="Bits of a sample: 16, 24 or 32 for WAV (32, the default, is float); 16 or 24 "
        "for FLAC (24 by default)."
    ),
]
Residual = Annotated[
    bool, typer.Option("--residual", help="Also write the residual: the mixture less all stems.")
]
MixtureConsistency = Annotated[
    bool,
    typer.Option(
        "--mixture-consistency",
        help="Divide the whole mixture among the stems, so that they sum to it. Use this "
        "only if you name every instrument that plays.",
    ),
]


def separate(
    files: Files,
    instruments: Instruments = None,
    out: Out = Path("out"),
    separator: SeparatorName = None,
    checkpoint: CheckpointFile = None,
    format: StemFormat = "wav",
    bits: StemBits = None,
    residual: Residual = False,
    mixture_consistency: MixtureConsistency = DEFAULTS.mixture_consistency,
    independent: Independent = not DEFAULTS.joint,
    tta: Tta = DEFAULTS.tta,
    keep_tuning: KeepTuning = not DEFAULTS.retune,
    reference: Reference = None,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Separate audio files into stems, one for each instrument."""
    from timbresep.separation.batch import Output, check, separate_batch
    from timbresep.separation.load import open_separator

    start_logging()
    options = SeparationOptions(
        device=device,
        joint=not independent,
        mixture_consistency=mixture_consistency,
        tta=tta,
        retune=not keep_tuning,
    )
    output = Output(out, format, SUBTYPES[bits] if bits else None, residual, overwrite)
    check(output, options)
    registry = Registry.load(plugins_dir or (), trust=trust)
    _say_which(registry, separator, checkpoint)
    model = open_separator(
        split_names(instruments or ["all"]),
        separator=separator,
        checkpoint=checkpoint,
        options=options,
        registry=registry,
        reference=reference_conditions(reference or []),
    )
    with progress("separating") as update:
        batch = separate_batch(
            model,
            files,
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


def _say_which(registry: Registry, separator: str | None, checkpoint: Path | None) -> None:
    """Say which separator works, whose weights are in it, and which would be better on songs."""
    chain = registry.separators.get(separator, checkpoint)
    say(f"separator: {shown(chain.described)}")
    if chain.source_model is not None:
        show_note(f"weights of {chain.source_model.name}: {shown(chain.source_model.licence)}")
    if separator is None and checkpoint is None:
        for better in registry.separators.better(chain.name):
            lacks = f"; it {better.missing}" if better.missing else ""
            show_note(f"on songs, --separator {better.name} is better{lacks}")


def _print_file(report: FileReport) -> None:
    stems = ", ".join(path.name for path in report.outputs)
    speed = report.duration / max(report.seconds, 1e-9)
    say(
        f"{shown(report.path)} → {shown(report.outputs[0].parent)}: {stems} "
        f"({clock(report.duration)} of audio in {report.seconds:.1f} s, {speed:.1f}× real time)"
    )
    for note in report.notes:
        show_note(note)
