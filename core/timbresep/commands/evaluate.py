"""`evaluate`: a separator's scores on multitracks, beside baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from timbresep.commands.console import say, show_error, start_logging
from timbresep.commands.numbers import MOST_PROCESSES, whole
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
    SeparatorName,
    Split,
    Trust,
    Tta,
    reference_conditions,
    split_names,
)
from timbresep.commands.progress import progress
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

if TYPE_CHECKING:
    from timbresep.evaluation.result import Evaluation


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
    reference: Reference = None,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Score a separator on tracks with known stems, beside silence, mixture and oracle mask."""
    from timbresep.evaluation.plan import Plan
    from timbresep.evaluation.run import evaluate_folder
    from timbresep.evaluation.tracks import Tracks, named_folder

    start_logging()
    source, root = named_folder(tracks)
    registry = Registry.load(plugins_dir or (), trust=trust)
    plan = Plan(
        separator=separator,
        checkpoint=checkpoint,
        instruments=tuple(split_names(instruments or ["all"])),
        earlier=_name_or_file(against),
        bsseval=bsseval,
        options=SeparationOptions(
            device=device, joint=not independent, tta=tta, retune=not keep_tuning
        ),
        plugins=tuple(plugins_dir or ()),
        trust=trust,
        reference=reference_conditions(reference or []),
    )
    with progress("evaluating") as update:
        result = evaluate_folder(
            plan,
            Tracks(root, source, split, limit),
            registry.instruments(),
            out=out,
            overwrite=overwrite,
            workers=workers,
            report=lambda name, done, total: update(done / max(total, 1), name),
            failed=lambda _, error: show_error(error),
        )
    called = registry.separators.get(separator, checkpoint).described
    _print(result, f"{called} on {root}", swaps=swaps)
    if out is not None:
        say(f"wrote {out}")
    if result.skipped:
        raise typer.Exit(1)


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
