"""`evaluate`: a separator's scores on multitracks, or a transcriber's, beside baselines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from timbresep.commands.console import say, show_error, start_logging
from timbresep.commands.note_scores import How, Notes, evaluate_notes, scores_notes
from timbresep.commands.numbers import MOST_PROCESSES, number, whole
from timbresep.commands.options import (
    CheckpointFile,
    Device,
    Independent,
    Instruments,
    KeepTuning,
    Limit,
    Overwrite,
    PluginsDir,
    Reference,
    Refine,
    SeparatorName,
    Split,
    TranscriberName,
    Trust,
    Tta,
    reference_conditions,
    split_names,
)
from timbresep.commands.progress import progress
from timbresep.commands.score_options import Partial
from timbresep.errors import ConfigError
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

if TYPE_CHECKING:
    from timbresep.evaluation.informed import Informed
    from timbresep.evaluation.notes.plan import NotePlan
    from timbresep.evaluation.plan import Plan
    from timbresep.evaluation.result import Evaluation
    from timbresep.evaluation.tracks import Tracks


TracksOf = Annotated[
    str,
    typer.Argument(
        help="A folder of tracks, <track>/<instrument>.wav, or a published dataset. "
        "NAME=FOLDER reads it as the source NAME of the recipes, with the names that "
        "this source has for stems."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        help="Write the scores to this folder as JSON and CSV. Tracks that it already has "
        "the scores of are not scored again. By default scores are only printed.",
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        help="Also score this other separator on the same tracks, and show the difference: a "
        "listed one, or a checkpoint file.",
    ),
]
Bss = Annotated[
    Literal["separator", "all"] | None,
    typer.Option(
        help="Also compute BSSEval v4, for the separator's stems only or for the baselines' "
        "too. Slow; off by default."
    ),
]
Workers = Annotated[
    int,
    whole(
        help="Score this many tracks at a time, each in its own process.",
        least=1,
        most=MOST_PROCESSES,
    ),
]
Swaps = Annotated[
    bool,
    typer.Option(
        "--swaps",
        help="Also show the scores with every other instrument's condition. Off by default.",
    ),
]

Score = Annotated[
    bool,
    typer.Option(
        "--score",
        help="Give the separator the notes of each track: notes.mid beside its stems, or "
        "<track>.mid or another score beside its folder. They are looked for in the mixture first.",
    ),
]
Bend = Annotated[
    float,
    number(help="Change the tempo of the notes by up to this part of it.", least=0, most=0.9),
]
Shift = Annotated[float, number(help="Move the notes by this many seconds.", least=-10, most=10)]
Wrong = Annotated[
    float, number(help="Give so many per cent of the notes a wrong pitch.", least=0, most=100)
]
Missing = Annotated[
    float, number(help="Leave out so many per cent of the notes.", least=0, most=100)
]
Aligned = Annotated[
    bool,
    typer.Option("--aligned", help="Take the times of the notes as they are. Off by default."),
]


def evaluate(
    tracks: TracksOf,
    instruments: Instruments = None,
    out: Out = None,
    separator: SeparatorName = None,
    checkpoint: CheckpointFile = None,
    against: Against = None,
    bsseval: Bss = None,
    workers: Workers = 1,
    split: Split = None,
    limit: Limit = None,
    swaps: Swaps = False,
    independent: Independent = not DEFAULTS.joint,
    tta: Tta = DEFAULTS.tta,
    keep_tuning: KeepTuning = not DEFAULTS.retune,
    refine: Refine = DEFAULTS.refine,
    transcriber: TranscriberName = DEFAULTS.transcriber,
    reference: Reference = None,
    notes: Notes = False,
    score: Score = False,
    bend: Bend = 0.0,
    shift: Shift = 0.0,
    wrong: Wrong = 0.0,
    missing: Missing = 0.0,
    aligned: Aligned = False,
    partial: Partial = False,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Score a separator or a transcriber on tracks with known stems or notes, beside baselines."""
    from timbresep.evaluation.plan import Plan
    from timbresep.evaluation.tracks import Tracks, named_folder

    start_logging()
    disturbed = bend, shift, wrong, missing
    informed = _informed(disturbed, given=score, aligned=aligned, partial=partial)
    source, root = named_folder(tracks)
    shared = SeparationOptions(device, not independent, tta=tta, transcriber=transcriber)
    options = replace(shared, retune=not keep_tuning, refine=refine)
    plan = Plan(
        separator=separator,
        checkpoint=checkpoint,
        instruments=tuple(split_names(instruments or ["all"])),
        earlier=_name_or_file(against),
        bsseval=bsseval,
        options=options,
        plugins=tuple(plugins_dir or ()),
        trust=trust,
        reference=reference_conditions(reference or []),
        informed=informed,
    )
    chosen = Tracks(root, source, split, limit, notes=score)
    how = How(out, overwrite=overwrite, workers=workers)
    transcribed = _of_notes(plan, notes=notes)
    if transcribed is None:
        _evaluate(plan, chosen, how, swaps=swaps)
    else:
        evaluate_notes(transcribed, replace(chosen, notes=True), how, swaps=swaps)


def _of_notes(plan: Plan, *, notes: bool) -> NotePlan | None:
    """The same plan for a transcriber, if it is one that is scored."""
    from timbresep.evaluation.notes.plan import NotePlan

    options = plan.options
    others = {
        "--separator": plan.separator is not None,
        "--bsseval": plan.bsseval is not None,
        "--score": plan.informed is not None,
        "--independent": not options.joint,
        "--tta": options.tta != DEFAULTS.tta,
        "--keep-tuning": not options.retune,
        "--refine": options.refine,
    }
    registry = Registry.load(plan.plugins, trust=plan.trust)
    if not scores_notes(plan.checkpoint, registry, notes=notes, others=others):
        return None
    return NotePlan(
        transcriber=options.transcriber,
        checkpoint=plan.checkpoint,
        instruments=plan.instruments,
        earlier=plan.earlier,
        device=options.device,
        plugins=plan.plugins,
        trust=plan.trust,
        reference=plan.reference,
    )


def _evaluate(plan: Plan, chosen: Tracks, how: How, *, swaps: bool) -> None:
    from timbresep.evaluation.run import evaluate_folder

    registry = Registry.load(plan.plugins, trust=plan.trust)
    with progress("evaluating") as update:
        result = evaluate_folder(
            plan,
            chosen,
            registry.instruments(),
            out=how.out,
            overwrite=how.overwrite,
            workers=how.workers,
            report=lambda name, done, total: update(done / max(total, 1), name),
            failed=lambda _, error: show_error(error),
        )
    called = plan.chain(registry).described
    _print(result, f"{called} on {chosen.root}", swaps=swaps)
    if how.out is not None:
        say(f"wrote {how.out}")
    if result.skipped:
        raise typer.Exit(1)


def _informed(
    disturbed: tuple[float, float, float, float], *, given: bool, aligned: bool, partial: bool
) -> Informed | None:
    """How notes are given to the separator, if they are: see `Disturbance` for what is done to
    them."""
    from timbresep.evaluation.informed import Informed
    from timbresep.notes.disturbance import Disturbance

    disturbance = Disturbance(*disturbed)
    if given:
        return Informed(disturbance, aligned, partial)
    if aligned or partial or disturbance != Disturbance():
        raise ConfigError(
            "--bend, --shift, --wrong, --missing, --aligned and --partial need --score"
        )
    return None


def _name_or_file(text: str | None) -> str | Path | None:
    """A listed separator's name has no ending, and a checkpoint has."""
    return Path(text) if text and (Path(text).suffix or Path(text).exists()) else text


def _print(result: Evaluation, title: str, *, swaps: bool) -> None:
    from timbresep.evaluation import table

    say(table.table(result, title))
    if swaps:
        say(table.swap_table(result))
    if result.leaks:
        say(table.leak_table(result))
    if result.bss:
        say(table.bss_table(result))
    say(table.summary(result))
