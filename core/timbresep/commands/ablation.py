"""`ablate`: what each condition does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.console import say, say_json, show_error, start_logging
from timbresep.commands.note_scores import Notes, scores_notes
from timbresep.commands.options import (
    AsJson,
    Device,
    Instruments,
    Limit,
    Overwrite,
    PluginsDir,
    SeparatorName,
    Split,
    Trust,
    split_names,
)
from timbresep.commands.pages import FiguresFolder, Pages, ReportFile
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import progress, working
from timbresep.errors import ConfigError, TimbresepError
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

if TYPE_CHECKING:
    from timbresep.data.track import Track
    from timbresep.evaluation.ablation.run import Ablation
    from timbresep.evaluation.notes.plan import NotePlan
    from timbresep.evaluation.tracks import Skip, Tracks
    from timbresep.evaluation.workers import Report
    from timbresep.report.page import Page
    from timbresep.separation.separator import Separator
    from timbresep.transcription.hearing import Hearing

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="[CHECKPOINT] FOLDER",
        readable=False,
        help="A trained checkpoint (by default the default separator) and a folder of "
        "tracks, <track>/<instrument>.wav.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        help="Write the scores to this folder, as ablation.json and ablation.png. By default"
        " they are only printed.",
    ),
]


Transcriber = Annotated[
    str | None,
    typer.Option(
        "--transcriber",
        help="Score the notes of this transcriber, one that registry.yaml lists. The default is a "
        "separator; with --notes, the transcriber that registry.yaml names.",
    ),
]


def ablate(
    paths: Paths,
    out: Out = None,
    instruments: Instruments = None,
    separator: SeparatorName = None,
    notes: Notes = False,
    transcriber: Transcriber = None,
    split: Split = None,
    limit: Limit = None,
    as_json: AsJson = False,
    report: ReportFile = None,
    figures: FiguresFolder = None,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Score each instrument with its own, with swapped, shuffled and zero conditions."""
    from timbresep.evaluation.ablation import store
    from timbresep.evaluation.notes.plan import NotePlan
    from timbresep.evaluation.tracks import Tracks

    start_logging()
    *given, root = paths
    if len(given) > 1 or root.is_file():
        raise ConfigError(
            "expected a checkpoint and a folder of tracks",
            f"such as: {PROGRAM} ablate runs/mine/best.safetensors data/starter/demo -o out",
        )
    if out is not None:
        store.check_output(out, overwrite=overwrite)
    pages = Pages(report, figures, overwrite)
    pages.check()
    asked = tuple(split_names(instruments or ["all"]))
    checkpoint, plugins = given[0] if given else None, tuple(plugins_dir or ())
    registry = Registry.load(plugins, trust=trust)
    chosen = Tracks(root, split=split, limit=limit)
    notes = notes or transcriber is not None
    others = {"--separator": separator is not None}
    if scores_notes(checkpoint, registry, notes=notes, others=others):
        plan = NotePlan(transcriber, checkpoint, asked, device=device, plugins=plugins, trust=trust)
        tried = _of_notes(plan)
        chosen = replace(chosen, notes=True)
    else:
        tried = _of_stems(asked, separator, checkpoint, registry, device)
    _ablate(tried, chosen, registry, out, pages, as_json=as_json)


@dataclass(frozen=True)
class _Tried:
    """What is ablated.

    Attributes:
        model: it.
        called: what a title calls it.
        run: ablates it on tracks.
    """

    model: Separator | Hearing
    called: str
    run: Callable[[Sequence[Track], Report, Skip], Ablation]


def _of_stems(
    asked: Sequence[str],
    separator: str | None,
    checkpoint: Path | None,
    registry: Registry,
    device: str,
) -> _Tried:
    options = SeparationOptions(device=device)
    with working("loading"):
        from timbresep.evaluation.ablation import run
        from timbresep.separation.load import open_separator

        model = open_separator(
            asked, separator=separator, checkpoint=checkpoint, options=options, registry=registry
        )
    called = registry.separators.get(separator, checkpoint).described
    return _Tried(model, called, lambda *of: run.ablate(model, of[0], report=of[1], skip=of[2]))


def _of_notes(plan: NotePlan) -> _Tried:
    with working("loading"):
        from timbresep.evaluation.ablation.notes import ablate_notes

        scorer = plan.open()
    called = f"notes by {scorer.hearing.checkpoint.path.name}"
    return _Tried(
        scorer.hearing, called, lambda *of: ablate_notes(scorer, of[0], report=of[1], skip=of[2])
    )


def _ablate(
    tried: _Tried,
    chosen: Tracks,
    registry: Registry,
    out: Path | None,
    pages: Pages,
    *,
    as_json: bool,
) -> None:
    """Ablate, print and write what comes out."""
    from timbresep.evaluation.ablation import store, table

    skipped: list[str] = []

    def skip(track: str, error: TimbresepError) -> None:
        skipped.append(track)
        show_error(error)

    tracks = chosen.find(registry.instruments(), skip)
    with progress("ablating") as update:
        result = tried.run(
            tracks, lambda name, done, total: update(done / max(total, 1), name), skip
        )
    title = f"{tried.called} on {chosen.root}"
    if as_json:
        say_json({**store.as_data(result, tried.model, chosen.root), "skipped": skipped})
    else:
        say(table.table(result, title))
        say(table.summary(result))
    if out is not None:
        where = chosen.root, out
        for written in store.write(result, tried.model, *where, overwrite=pages.overwrite):
            say(f"wrote {written}")

    def page() -> Page:
        from timbresep.report.ablated import ablated_page

        return ablated_page(result, title)

    pages.write(page)
    if skipped:
        say(f"{len(skipped)} tracks skipped: {', '.join(skipped)}")
        raise typer.Exit(1)
