"""Score a set of tracks, and go on where an earlier run has stopped."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from timbresep.data.sources.discover import stem_names
from timbresep.data.sources.naming import Naming
from timbresep.data.track import Track
from timbresep.engines.engine import HERE, Engine
from timbresep.errors import DataError, TimbresepError
from timbresep.evaluation import estimates, record
from timbresep.evaluation.plan import Plan
from timbresep.evaluation.result import Evaluation, Skipped, TrackScores
from timbresep.evaluation.score import Scorer
from timbresep.evaluation.store import Store
from timbresep.evaluation.tracks import Skip, Tracks
from timbresep.evaluation.workers import Report, frames_of, score_all, score_here
from timbresep.instrument import Instrument
from timbresep.separation.separator import Separator

log = logging.getLogger(__name__)


def evaluate(
    separator: Separator,
    tracks: Sequence[Track],
    instruments: Sequence[str] | None = None,
    *,
    report: Report | None = None,
    skip: Skip | None = None,
) -> Evaluation:
    """Separate each track's mixture and score the result, in this process and in memory.

    Args:
        separator: what to score.
        tracks: multitracks; stems that are no known instrument only accompany.
        instruments: those to score; by default those that the separator was opened for.
        report: called with the progress.
        skip: called with each track that cannot be scored; without it, the first one is an error.

    Raises:
        DataError: no track has a stem of these instruments, or one does not fit together, or none
            could be scored.
        AudioError: a stem cannot be read, or has more than two channels.
    """
    scorer = Scorer(separator, tuple(instruments or separator.asked))
    _refuse_unknown(tracks, scorer)
    work = frames_of(tracks, report)
    found = [scores for _, (scores, _) in score_here(scorer, tracks, work, skip)]
    if not found:
        raise DataError(f"none of {len(tracks)} tracks could be scored", "see the errors above")
    return Evaluation(scorer.names, found)


def evaluate_folder(
    plan: Plan,
    chosen: Tracks,
    instruments: Sequence[Instrument],
    *,
    out: Path | None = None,
    overwrite: bool = False,
    engine: Engine = HERE,
    report: Report | None = None,
    failed: Skip | None = None,
) -> Evaluation:
    """Score a folder of tracks; bad ones are skipped, reported and counted.

    Args:
        plan: what to score.
        chosen: the folder, and which tracks of it.
        instruments: whose names and aliases stems may have.
        out: folder for the scores; tracks that it has from before, with the same settings and
            files, are not scored again.
        overwrite: drop other scores that the folder has.
        engine: whose workers score a track at a time, each with its own separator.
        report: called with the progress.
        failed: called with each bad track.

    Raises:
        DataError: no track has a stem of these instruments, none could be scored, or another
            system's stems do not fit.
        AudioError: another system's stem cannot be read.
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
    _refuse_unknown(tracks, scorer)
    naming = Naming(stem_names(instruments))
    estimates.check(plan.estimates, tracks, naming)
    store = None
    if out is not None:
        store = Store(out, plan.settings(scorer), TrackScores, overwrite=overwrite)
    scored = score_all(plan, scorer, tracks, skip, store=store, engine=engine, report=report)
    if plan.estimates:
        files = {track.name: track for track in tracks}
        _add_others(plan, scored, files, naming, store=store, report=report)
    result = Evaluation(_names(scorer, scored), scored, skipped)
    if store is not None:
        store.finish(partial(record.write, result))
    return result


def _add_others(
    plan: Plan,
    scored: Sequence[TrackScores],
    files: Mapping[str, Track],
    naming: Naming,
    *,
    store: Store[TrackScores] | None,
    report: Report | None,
) -> None:
    """Add the scores of other systems' stems to those of each track; these are not kept."""
    for number, found in enumerate(scored):
        if report is not None and plan.bsseval:  # which takes its time
            report(f"{found.track}, other systems", number, len(scored))
        remarks, track = len(found.notes), files[found.track]
        estimates.add_scores(found, track, plan.estimates, naming)
        if plan.bsseval is not None:
            beside = estimates.add_bss(found, track, plan.estimates, naming)
            if store is not None:
                store.add_beside(track, beside)
        for remark in found.notes[remarks:]:
            log.warning("track '%s': %s", found.track, remark)


def _names(scorer: Scorer, tracks: Sequence[TrackScores]) -> tuple[str, ...]:
    """What was asked for: instruments, or all stems that have notes."""
    if scorer.informed is None:
        return scorer.names
    return tuple(sorted({row.instrument for track in tracks for row in track.rows}))


def _refuse_unknown(tracks: Sequence[Track], scorer: Scorer) -> None:
    if scorer.informed is not None:  # which stems are asked for follows from each track's notes
        return
    if not any(name in track.stems for track in tracks for name in scorer.names):
        raise DataError(
            f"no track has a stem named {', '.join(scorer.names)}",
            hint="name the stem files after the instruments or their aliases",
        )
