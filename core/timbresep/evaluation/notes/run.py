"""Score a transcriber on a set of tracks, and go on where an earlier run has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from timbresep.data.track import Track
from timbresep.engines.engine import HERE, Engine
from timbresep.errors import DataError, TimbresepError
from timbresep.evaluation.notes import record
from timbresep.evaluation.notes.plan import NotePlan
from timbresep.evaluation.notes.result import NoteEvaluation, NoteScores
from timbresep.evaluation.notes.score import NoteScorer
from timbresep.evaluation.result import Skipped
from timbresep.evaluation.store import Store
from timbresep.evaluation.tracks import Skip, Tracks
from timbresep.evaluation.workers import Report, frames_of, score_all, score_here
from timbresep.instrument import Instrument


def evaluate_notes(
    scorer: NoteScorer,
    tracks: Sequence[Track],
    *,
    report: Report | None = None,
    skip: Skip | None = None,
) -> NoteEvaluation:
    """Transcribe each track's mixture and score the notes, in this process and in memory.

    Args:
        scorer: what to score.
        tracks: multitracks with notes.
        report: called with the progress.
        skip: called with each track that cannot be scored; without it, the first one is an error.

    Raises:
        DataError: a track has no notes, or none of these instruments, or does not fit together; or
            none could be scored.
        AudioError: a stem cannot be read, or has more than two channels.
    """
    work = frames_of(tracks, report)
    found = [scores for _, (scores, _) in score_here(scorer, tracks, work, skip)]
    return _checked(NoteEvaluation(scorer.names, found))


def evaluate_notes_of_folder(
    plan: NotePlan,
    chosen: Tracks,
    instruments: Sequence[Instrument],
    *,
    out: Path | None = None,
    overwrite: bool = False,
    engine: Engine = HERE,
    report: Report | None = None,
    failed: Skip | None = None,
) -> NoteEvaluation:
    """Score the notes of a folder of tracks; arguments as for
    `timbresep.evaluation.run.evaluate_folder`.

    Raises:
        DataError: no track has notes of these instruments, or none could be scored.
        OutputExistsError: the folder has an evaluation with other settings.
        TimbresepError: anything that makes the plan impossible.
    """
    skipped: list[Skipped] = []

    def skip(track: str, error: TimbresepError) -> None:
        skipped.append(Skipped(track, str(error)))
        if failed is not None:
            failed(track, error)

    scorer = plan.open()
    tracks = chosen.find(instruments, skip)
    store = None
    if out is not None:
        store = Store(out, plan.settings(scorer), NoteScores, overwrite=overwrite)
    scored = score_all(plan, scorer, tracks, skip, store=store, engine=engine, report=report)
    result = _checked(NoteEvaluation(scorer.names, scored, skipped))
    if store is not None:
        store.finish(partial(record.write, result))
    return result


def _checked(result: NoteEvaluation) -> NoteEvaluation:
    """Refuse one without any score."""
    if not result.tracks:
        raise DataError("none of the tracks could be scored", "see the errors above")
    if not result.rows:
        raise DataError(
            f"no track has notes of {', '.join(result.instruments)}",
            "name the parts of its notes after the files of its stems",
        )
    return result
