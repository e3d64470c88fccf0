"""`evaluate`: a separator's scores on multitracks, or a transcriber's, beside baselines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from timbresep.commands.console import say, show_error, start_logging
from timbresep.commands.engines import Address, EngineKind, Workers, engine_of
from timbresep.commands.evaluate_outputs import (
    Csv,
    EstimatesOf,
    Latex,
    Outputs,
    Significance,
    beside,
)
from timbresep.commands.note_scores import How, Notes, evaluate_notes, scores_notes
from timbresep.commands.numbers import number
from timbresep.commands.options import (
    AsJson,
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
from timbresep.commands.pages import FiguresFolder, Pages, ReportFile
from timbresep.commands.progress import progress
from timbresep.commands.score_options import Partial
from timbresep.errors import ConfigError
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

if TYPE_CHECKING:
    from timbresep.evaluation.informed import Informed
    from timbresep.evaluation.notes.plan import NotePlan
    from timbresep.evaluation.plan import Plan
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
        "listed one, or a checkpoint file. The name of a system of --estimates: differences are "
        "to it.",
    ),
]
Bss = Annotated[
    Literal["separator", "all"] | None,
    typer.Option(
        help="Also compute BSSEval v4, for the separator's stems and those of --estimates, or for "
        "the baselines' too. Slow; off by default."
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
    estimates: EstimatesOf = None,
    significance: Significance = False,
    bsseval: Bss = None,
    workers: Workers = 1,
    engine: EngineKind = "processes",
    address: Address = None,
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
    as_json: AsJson = False,
    csv: Csv = None,
    latex: Latex = None,
    report: ReportFile = None,
    figures: FiguresFolder = None,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Score a separator or a transcriber on tracks with known stems or notes, beside baselines."""
    from timbresep.evaluation.plan import Plan
    from timbresep.evaluation.tracks import Tracks

    start_logging()
    informed = _informed((bend, shift, wrong, missing), score, aligned, partial)
    others = beside(estimates or [], against)
    pages = Pages(report, figures, overwrite)
    outputs = Outputs(swaps, as_json, significance, others.base, csv, latex, pages)
    outputs.check(overwrite=overwrite)
    joint, consistent, retune = not independent, DEFAULTS.mixture_consistency, not keep_tuning
    options = SeparationOptions(device, joint, consistent, tta, retune, refine, transcriber)
    asked, folders = tuple(split_names(instruments or ["all"])), tuple(plugins_dir or ())
    told, rival = reference_conditions(reference or []), others.earlier
    plan = Plan(separator, checkpoint, asked, rival, bsseval, options, folders, trust, told)
    plan = replace(plan, informed=informed, estimates=others.systems)
    chosen = Tracks.named(tracks, split, limit, notes=score)
    how = How(out, overwrite=overwrite, engine=engine_of(engine, workers, address))
    _evaluate(plan, chosen, how, outputs, notes=notes)


def _of_notes(plan: Plan, outputs: Outputs, *, notes: bool) -> NotePlan | None:
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
        "--estimates": bool(plan.estimates),
        **outputs.given(),
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


def _evaluate(plan: Plan, chosen: Tracks, how: How, outputs: Outputs, *, notes: bool) -> None:
    """Score what is asked for: a transcriber's notes, or a separator's stems."""
    from timbresep.evaluation.run import evaluate_folder

    if (transcribed := _of_notes(plan, outputs, notes=notes)) is not None:
        evaluate_notes(transcribed, replace(chosen, notes=True), how, outputs)
        return
    registry = Registry.load(plan.plugins, trust=plan.trust)
    with progress("evaluating") as update:
        result = evaluate_folder(
            plan,
            chosen,
            registry.instruments(),
            out=how.out,
            overwrite=how.overwrite,
            engine=how.engine,
            report=lambda name, done, total: update(done / max(total, 1), name),
            failed=lambda _, error: show_error(error),
        )
    called = plan.chain(registry).described
    outputs.show(result, f"{called} on {chosen.root}")
    if how.out is not None:
        say(f"wrote {how.out}")
    if result.skipped:
        raise typer.Exit(1)


def _informed(
    disturbed: tuple[float, float, float, float], given: bool, aligned: bool, partial: bool
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
