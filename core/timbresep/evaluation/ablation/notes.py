"""Ask a transcriber for each instrument with conditions that are not its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from timbresep.data.track import Track
from timbresep.evaluation.ablation.run import (
    ZERO,
    Ablation,
    AblationRow,
    Measure,
    shuffled_name,
    wrong_conditions,
)
from timbresep.evaluation.notes.result import NoteEvaluation
from timbresep.evaluation.notes.run import evaluate_notes
from timbresep.evaluation.notes.score import NoteScorer
from timbresep.evaluation.tracks import Skip
from timbresep.evaluation.workers import Report

HEARD = Measure("F-measure of frames")


def ablate_notes(
    scorer: NoteScorer,
    tracks: Sequence[Track],
    *,
    report: Report | None = None,
    skip: Skip | None = None,
) -> Ablation:
    """Score every instrument with every condition, in one pass over the tracks.

    Args:
        scorer: the transcriber, and the instruments whose conditions to try.
        tracks: multitracks with notes.
        report: called with the progress.
        skip: called with each track that cannot be scored; without it, the first is an error.

    Raises:
        DataError, AudioError: as `timbresep.evaluation.notes.run.evaluate_notes`.
    """
    hearing, names = scorer.hearing, scorer.names
    wrong = wrong_conditions({name: hearing.condition(name) for name in names})
    tried = replace(
        scorer, hearing=hearing.with_conditions(wrong), names=(*names, *wrong), earlier=None
    )
    result = evaluate_notes(tried, tracks, report=report, skip=skip)
    played = {row.instrument for row in result.rows}
    rows = tuple(_row(result, name, names) for name in names if name in played)
    return Ablation(names, rows, HEARD)


def _row(result: NoteEvaluation, name: str, names: Sequence[str]) -> AblationRow:
    true = [
        row.frame_f for row in result.rows if (row.instrument, row.method) == (name, "transcriber")
    ]

    def given(condition: str) -> float:
        swaps = [s for s in result.swaps if (s.instrument, s.condition) == (name, condition)]
        return float(np.mean([swap.frame_f for swap in swaps]))

    return AblationRow(
        instrument=name,
        tracks=len(true),
        true=float(np.mean(true)),
        swapped={other: given(other) for other in names if other != name},
        shuffled=given(shuffled_name(name)),
        zero=given(ZERO),
    )
