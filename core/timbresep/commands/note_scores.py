"""What `evaluate` and `ablate` do with a transcriber: they score notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.console import say, say_json, show_error
from timbresep.commands.progress import progress
from timbresep.engines.engine import Engine
from timbresep.errors import ConfigError
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.commands.evaluate_outputs import Outputs
    from timbresep.evaluation.notes.plan import NotePlan
    from timbresep.evaluation.notes.result import NoteEvaluation
    from timbresep.evaluation.tracks import Tracks

Notes = Annotated[
    bool,
    typer.Option(
        "--notes",
        help="Score the notes of a transcriber: of the default one, of the one that --transcriber "
        "names, or of a checkpoint, which needs no --notes. Tracks need their notes: notes.mid "
        "beside the stems. Off by default.",
    ),
]


def scores_notes(
    checkpoint: Path | None, registry: Registry, *, notes: bool, others: Mapping[str, bool]
) -> bool:
    """Whether notes are scored, for they are asked for or the checkpoint transcribes.

    Args:
        checkpoint: the one that is scored, if one is given.
        registry: has its backbone.
        notes: as asked for.
        others: options of separators, and whether each is given.

    Raises:
        ConfigError: notes are scored, and an option of separators is given.
        CheckpointError, UnknownNameError: as `timbresep.transcription.load.transcribes`.
    """
    from timbresep.transcription.load import transcribes

    if not notes and (checkpoint is None or not transcribes(checkpoint, registry)):
        return False
    if given := [name for name, is_given in others.items() if is_given]:
        raise ConfigError(
            f"{', '.join(given)}: only for separators, and what is scored is a transcriber's notes",
            "leave it out",
        )
    return True


@dataclass(frozen=True)
class How:
    """How a folder is evaluated.

    Attributes:
        out: folder for the scores, if they are kept.
        overwrite: drop other scores that it has.
        engine: who works.
    """

    out: Path | None
    overwrite: bool
    engine: Engine


def evaluate_notes(plan: NotePlan, chosen: Tracks, how: How, outputs: Outputs) -> None:
    """Score a transcriber on a folder of tracks, and print the tables, or JSON."""
    from timbresep.evaluation.notes.record import as_data
    from timbresep.evaluation.notes.run import evaluate_notes_of_folder

    registry = Registry.load(plan.plugins, trust=plan.trust)
    file = registry.transcribers.get(plan.transcriber, plan.checkpoint)
    with progress("evaluating") as update:
        result = evaluate_notes_of_folder(
            plan,
            chosen,
            registry.instruments(),
            out=how.out,
            overwrite=how.overwrite,
            engine=how.engine,
            report=lambda name, done, total: update(done / max(total, 1), name),
            failed=lambda _, error: show_error(error),
        )
    if outputs.as_json:
        say_json(as_data(result))
    else:
        _print(result, f"notes by {file.name} on {chosen.root}", swaps=outputs.swaps)
    if how.out is not None:
        say(f"wrote {how.out}")
    if result.skipped:
        raise typer.Exit(1)


def _print(result: NoteEvaluation, title: str, *, swaps: bool) -> None:
    from timbresep.evaluation.notes import table

    say(table.table(result, title))
    say(table.precision_table(result))
    if swaps:
        say(table.swap_table(result))
    if result.absent:
        say(table.absent_table(result))
    say(table.summary(result))
