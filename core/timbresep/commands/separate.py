"""`separate`: files and instruments in, stems out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    Refine,
    SeparatorName,
    TranscriberName,
    Trust,
    Tta,
    reference_conditions,
    split_names,
)
from timbresep.commands.progress import clock, progress
from timbresep.commands.score_align import say_alignment
from timbresep.commands.score_options import Anyway, NoRepeats, PartChoice, Partial
from timbresep.errors import ConfigError
from timbresep.formats.text import shown
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

if TYPE_CHECKING:
    from timbresep.separation.batch import BatchReport, FileReport
    from timbresep.separation.scored import ScoreRequest
    from timbresep.separation.streams import StreamSeparator


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
ScoreOf = Annotated[
    Path | None,
    typer.Option(
        "--score",
        readable=False,
        help="The score of the recording: MIDI, MusicXML (.musicxml, .xml, .mxl), Humdrum or MEI. "
        "Its parts are the stems; -i chooses among them. --separator none goes by the notes "
        "alone.",
    ),
]
Aligned = Annotated[
    bool,
    typer.Option(
        "--aligned",
        help="The times of the score are those of the recording. By default they are looked for.",
    ),
]
Midi = Annotated[
    bool,
    typer.Option(
        "--midi",
        help="Also write the notes of each stem, as MIDI: those of --score, or what the "
        "transcriber hears.",
    ),
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
    refine: Refine = DEFAULTS.refine,
    transcriber: TranscriberName = DEFAULTS.transcriber,
    reference: Reference = None,
    score: ScoreOf = None,
    part: PartChoice = None,
    no_repeats: NoRepeats = False,
    aligned: Aligned = False,
    partial: Partial = False,
    anyway: Anyway = False,
    midi: Midi = False,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Separate audio files into stems, one for each instrument."""
    from timbresep.separation.batch import Output, check, separate_batch

    start_logging()
    options = SeparationOptions(
        device, not independent, mixture_consistency, tta, not keep_tuning, refine, transcriber
    )
    output = Output(out, format, SUBTYPES[bits] if bits else None, residual, overwrite, midi)
    check(output, options)
    told = {"no_repeats": no_repeats, "aligned": aligned, "partial": partial, "anyway": anyway}
    request = _request(score, part or (), told)
    registry = Registry.load(plugins_dir or (), trust=trust)
    names = split_names(instruments or ["all"])
    how: dict[str, Any] = {
        "separator": separator,
        "checkpoint": checkpoint,
        "options": options,
        "registry": registry,
        "reference": reference_conditions(reference or []),
    }
    model = _opened(names, how) if request is None else _with_score(request, files, names, how)
    _check_notes(model, midi=midi)
    with progress("separating") as update:
        batch = separate_batch(
            model,
            files,
            output,
            report=lambda path, share: update(share, path.name),
            finished=_print_file,
            failed=lambda _, error: show_error(error),
        )
    _exit_if_failed(batch)


def _check_notes(model: StreamSeparator, *, midi: bool) -> None:
    """Refuse --midi where there is nothing to write."""
    if midi and not model.noted(model.asked):
        raise ConfigError("--midi: no stem has notes", "give --score, or a --transcriber")


def _request(
    score: Path | None, parts: Sequence[str], told: Mapping[str, bool]
) -> ScoreRequest | None:
    """How the options want a score to be used; None without one."""
    from timbresep.notes.casting import parse_choice
    from timbresep.separation.scored import ScoreRequest

    if score is not None:
        chosen = {name: on for name, on in told.items() if name != "no_repeats"}
        return ScoreRequest(score, parse_choice(parts), not told["no_repeats"], **chosen)
    if parts or any(told.values()):
        raise ConfigError(
            "--part, --no-repeats, --aligned, --partial and --anyway tell of a score", "add --score"
        )
    return None


def _opened(names: Sequence[str], how: Mapping[str, Any]) -> StreamSeparator:
    """Open a separator, and say which."""
    from timbresep.separation.load import open_separator

    _say_which(how)
    return open_separator(names, **how)


def _with_score(
    request: ScoreRequest, files: Sequence[Path], names: Sequence[str], how: Mapping[str, Any]
) -> StreamSeparator:
    """Open a separator for the one file that a score is of, and say how the score fits."""
    from timbresep.separation.scored import open_with_score

    if len(files) != 1:
        raise ConfigError(
            f"--score is of one recording, and {len(files)} are given", "separate them one by one"
        )
    scored = open_with_score(request, files[0], names, **how)
    say(f"score: {shown(request.file)}, for {', '.join(scored.separator.asked)}")
    if scored.alignment is not None:
        say_alignment(scored.alignment)
    for remark in scored.remarks:
        show_note(remark)
    return scored.separator


def _say_which(how: Mapping[str, Any]) -> None:
    """Say which separator works, whose weights are in it, and which would be better on songs."""
    registry, separator, checkpoint = how["registry"], how["separator"], how["checkpoint"]
    chain = registry.separators.get(separator, checkpoint).beside(how["options"].transcriber)
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


def _exit_if_failed(batch: BatchReport) -> None:
    if batch.failed:
        total = len(batch.failed) + len(batch.done)
        said = make_console(stderr=True)
        said.print(f"{len(batch.failed)} of {total} files could not be separated")
        raise typer.Exit(1)
