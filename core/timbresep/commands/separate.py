"""`separate`: files and instruments in, stems out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from timbresep.commands.console import make_console, say, show_error, show_note, start_logging
from timbresep.commands.engines import Address, EngineKind, Workers, engine_of
from timbresep.commands.inputs import Inputs, audio_files
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
)
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import clock, progress, working
from timbresep.commands.reporting import Made, origin_of
from timbresep.commands.score_align import say_alignment
from timbresep.commands.score_options import Anyway, NoRepeats, PartChoice, Partial
from timbresep.commands.separate_options import (
    SUBTYPES,
    Aligned,
    Figures,
    Files,
    KeepAbsent,
    Midi,
    Minus,
    MixtureConsistency,
    Out,
    Preset,
    Quality,
    Report,
    Residual,
    ScoreOf,
    StemBits,
    StemFile,
    StemFormat,
)
from timbresep.commands.wishes import Wish, of_quality, wished
from timbresep.engines.engine import Engine
from timbresep.errors import ConfigError
from timbresep.formats.text import shown
from timbresep.registry.chain import Chain
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

if TYPE_CHECKING:
    from timbresep.separation.batch import BatchReport
    from timbresep.separation.batch_setup import Many, Opening
    from timbresep.separation.one_file import FileReport
    from timbresep.separation.output import Output
    from timbresep.separation.scored import ScoreRequest
    from timbresep.separation.streams import StreamSeparator


def separate(
    files: Files,
    instruments: Instruments = None,
    out: Out = Path("out"),
    preset: Preset = None,
    quality: Quality = "good",
    minus: Minus = None,
    separator: SeparatorName = None,
    checkpoint: CheckpointFile = None,
    format: StemFormat = "wav",
    bits: StemBits = None,
    residual: Residual = False,
    keep_absent: KeepAbsent = False,
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
    report: Report = False,
    figures: Figures = False,
    stem_file: StemFile = False,
    workers: Workers = 1,
    engine: EngineKind = "processes",
    address: Address = None,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Separate audio files into stems, one for each instrument."""
    from timbresep.separation.batch_setup import Many
    from timbresep.separation.output import Output, check

    start_logging()
    told = SeparationOptions(
        device, not independent, mixture_consistency, tta, not keep_tuning, refine, transcriber
    )
    options = of_quality(quality, told)
    use = {"no_repeats": no_repeats, "aligned": aligned, "partial": partial, "anyway": anyway}
    request = _request(score, part or (), use)
    registry = Registry.load(plugins_dir or (), trust=trust)
    wish = wished(registry, preset, instruments, minus, separator=separator, checkpoint=checkpoint)
    wanted = wish.wanted(residual=residual, keep_absent=keep_absent)
    output = Output(out, format, SUBTYPES[bits] if bits else None, wanted, overwrite, midi)
    check(output, options)
    inputs = audio_files(files, out)
    how: dict[str, Any] = {
        "separator": wish.separator,
        "checkpoint": checkpoint,
        "options": options,
        "registry": registry,
        "reference": reference_conditions(reference or []),
    }
    by = engine_of(engine, workers, address)
    if request is not None and by != Engine():
        raise ConfigError("--score is of one recording", "leave out --workers and --engine")
    model = _opened(request, inputs.files, wish.names, how)
    many = None if request else Many(by, _opening(wish, how, tuple(plugins_dir or ()), trust=trust))
    made = Made(report, figures, stem_file)
    _separate(model, inputs, output, wish, _Given(request, how, made, many))


def _separate(
    model: StreamSeparator,
    inputs: Inputs,
    output: Output,
    wish: Wish,
    given: _Given,
) -> None:
    """Separate files, and say what becomes of each."""
    from timbresep.separation.batch import separate_batch
    from timbresep.separation.settings import settings_of

    _check_notes(model, midi=output.midi)
    request, how, made = given.request, given.how, given.made
    stems, groups = wish.found(model, how["registry"])
    output = replace(
        output,
        wanted=replace(output.wanted, minus=groups),
        settings=settings_of(model, stems, score=request),
        inside=inputs.inside,
        listen=made.report or made.figures,
    )
    origin = origin_of(_chain(how), model.options, stems, how["registry"], request)

    def finished(done: FileReport) -> None:
        _print_file(done)
        made.write(done, origin, overwrite=output.overwrite)

    with progress("separating") as update:
        batch = separate_batch(
            model,
            inputs.files,
            output,
            instruments=stems,
            many=given.many,
            report=lambda path, share: update(share, path.name),
            finished=finished,
            failed=lambda _, error: show_error(error),
        )
    _exit_if_failed(batch)


@dataclass(frozen=True)
class _Given:
    """What else is given: a score, how the separator was opened, what is made of stems, workers."""

    request: ScoreRequest | None
    how: Mapping[str, Any]
    made: Made
    many: Many | None


def _opening(
    wish: Wish, how: Mapping[str, Any], plugins: tuple[Path, ...], *, trust: bool
) -> Opening:
    """How each worker opens the separator that this process has opened."""
    from timbresep.separation.batch_setup import Opening

    told = {key: how[key] for key in ("separator", "checkpoint", "options", "reference")}
    return Opening(tuple(wish.names), **told, plugins=plugins, trust=trust)


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


def _opened(
    request: ScoreRequest | None,
    files: Sequence[Path],
    names: Sequence[str],
    how: Mapping[str, Any],
) -> StreamSeparator:
    """Open a separator, with a score or without, and say which."""
    from timbresep.separation.load import open_separator

    with working("loading"):
        if request is not None:
            return _with_score(request, files, names, how)
        opened = open_separator(names, **how)
    _say_which(how)
    return opened


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


def _chain(how: Mapping[str, Any]) -> Chain | None:
    """The estimators of a separator; None for notes alone."""
    registry, separator, checkpoint = how["registry"], how["separator"], how["checkpoint"]
    if separator == "none":
        return None
    chain: Chain = registry.separators.get(separator, checkpoint)
    return chain.beside(how["options"].transcriber)


def _say_which(how: Mapping[str, Any]) -> None:
    """Say which separator works, whose weights are in it, and which would be better on songs."""
    registry, separator, checkpoint = how["registry"], how["separator"], how["checkpoint"]
    chain = _chain(how)
    assert chain is not None  # noqa: S101 (without a score there is a network)
    say(f"separator: {shown(chain.described)}")
    if chain.source_model is not None:
        show_note(f"weights of {chain.source_model.name}: {shown(chain.source_model.licence)}")
    if separator is None and checkpoint is None:
        for better in registry.separators.better(chain.name):
            missing = better.missing.replace("`models get", f"`{PROGRAM} models get")
            lacks = f"; it {missing}" if missing else ""
            show_note(f"on songs, --separator {better.name} is better{lacks}")


def _print_file(report: FileReport) -> None:
    where = f"{shown(report.path)} → {shown(report.folder)}"
    if report.outputs:
        stems = ", ".join(path.name for path in report.outputs)
        speed = report.duration / max(report.seconds, 1e-9)
        say(
            f"{where}: {stems} "
            f"({clock(report.duration)} of audio in {report.seconds:.1f} s, {speed:.1f}× real time)"
        )
    if report.kept:
        kept = ", ".join(path.name for path in report.kept)
        say(f"{where}: done already: {kept}")
    for note in report.notes:
        show_note(note)
    if report.absent:
        levels = ", ".join(f"{name} ({level:.0f} dB)" for name, level in report.absent.items())
        show_note(f"left out, since they do not seem to play: {levels}; --keep-absent writes them")


def _exit_if_failed(batch: BatchReport) -> None:
    if batch.failed:
        total = len(batch.failed) + len(batch.done)
        said = make_console(stderr=True)
        said.print(f"{len(batch.failed)} of {total} files could not be separated")
        raise typer.Exit(1)
