"""Score tracks one after the other, or by an engine, and go on where a run has stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from timbresep.data.track import Track
from timbresep.engines.engine import HERE, Engine
from timbresep.errors import AudioError, DataError, TimbresepError
from timbresep.evaluation.store import Store
from timbresep.evaluation.tracks import Skip
from timbresep.running.progress import Work

log = logging.getLogger(__name__)

Report = Callable[[str, float, float], None]
"""Called with the track, how many frames of all tracks are done, and how many there are."""
Advance = Callable[[float], None]
"""Called with how many frames of the track are done."""


class Remarked(Protocol):
    """All that is found in a track; `remarks` are what a reader should know, one line each."""

    @property
    def remarks(self) -> Sequence[str]: ...  # noqa: D102


Scores = TypeVar("Scores", bound=Remarked)
Given = TypeVar("Given", bound=Remarked, covariant=True)

Found = tuple[Scores, Mapping[str, str]]
"""The scores of a track, and what to write beside them."""


class Scorer(Protocol[Given]):
    """Measures what it was opened for, a track at a time."""

    def score(
        self, track: Track, advance: Advance | None = None
    ) -> tuple[Given, Mapping[str, str]]:
        """The scores of a track, and what to write beside them, as for `Store.add`.

        Raises:
            DataError, AudioError: the track cannot be scored.
        """
        ...


class Plan(Protocol[Given]):
    """Settings from which every process opens its own scorer."""

    def open(self) -> Scorer[Given]:
        """Load what is scored."""
        ...


def score_all(
    plan: Plan[Scores],
    scorer: Scorer[Scores],
    tracks: Sequence[Track],
    skip: Skip,
    *,
    store: Store[Scores] | None = None,
    engine: Engine = HERE,
    report: Report | None = None,
) -> list[Scores]:
    """Score tracks, but for those that an earlier run has scored.

    Args:
        plan: what to score.
        scorer: opened from it.
        tracks: the tracks.
        skip: called with each bad track.
        store: where scores are kept.
        engine: whose workers score, each with its own scorer.
        report: called with the progress.

    Returns:
        The scores in the order of the tracks, without the bad ones.

    Raises:
        DataError: none could be scored.
    """
    done = _scored_before(store, tracks)
    pending = [track for track in tracks if track.name not in done]
    work = frames_of(pending, report)
    if engine.is_needed(len(pending)):
        outcomes = score_by(engine, plan, pending, work, skip)
    else:
        outcomes = score_here(scorer, pending, work, skip)
    with closing(outcomes):
        for track, (scores, beside) in outcomes:
            for remark in scores.remarks:
                log.warning("track '%s': %s", track.name, remark)
            if store is not None:
                store.add(track, scores, beside)
            done[track.name] = scores
    if not done:
        raise DataError(f"none of {len(tracks)} tracks could be scored", "see the errors above")
    return [done[track.name] for track in tracks if track.name in done]


def _scored_before(store: Store[Scores] | None, tracks: Sequence[Track]) -> dict[str, Scores]:
    """The scores that an earlier run has kept, by track."""
    if store is None:
        return {}
    done = {t.name: found for t in tracks if (found := store.finished(t)) is not None}
    if done:
        log.info("%d of %d tracks are scored already in %s", len(done), len(tracks), store.folder)
    return done


def frames_of(tracks: Sequence[Track], report: Report | None) -> Work[str]:
    """Progress through tracks, by their frames."""
    return Work({track.name: track.frames for track in tracks}, report)


def score_here(
    scorer: Scorer[Scores], tracks: Sequence[Track], work: Work[str], skip: Skip | None
) -> Generator[tuple[Track, Found[Scores]], None, None]:
    """Score one track after the other; without ``skip``, a bad track is an error."""
    for track in tracks:
        try:
            yield track, scorer.score(track, partial(work.within, track.name))
        except (AudioError, DataError) as error:
            if skip is None:
                raise
            work.failed(track.name)
            skip(track.name, error)
        else:
            work.finished(track.name)


@dataclass(frozen=True)
class _Setup(Generic[Given]):
    """What each worker opens its scorer from."""

    plan: Plan[Given]

    def open(self) -> _Tool[Given]:
        return _Tool(self.plan.open())


@dataclass(frozen=True)
class _Tool(Generic[Given]):
    """Scores a track as the task of an engine."""

    scorer: Scorer[Given]

    def do(self, task: Track, report: Callable[[float], None]) -> Found[Given]:
        return self.scorer.score(task, report)


def score_by(
    engine: Engine, plan: Plan[Scores], tracks: Sequence[Track], work: Work[str], skip: Skip
) -> Generator[tuple[Track, Found[Scores]], None, None]:
    """Score tracks with the workers of an engine, in the order in which they end."""
    by_name = {track.name: track for track in tracks}
    with closing(engine.run(_Setup(plan), by_name, work.within)) as ended:
        for name, found in ended:
            if isinstance(found, (AudioError, DataError)):
                work.failed(name)
                skip(name, found)
            elif isinstance(found, TimbresepError):
                raise found
            else:
                yield by_name[name], found
                work.finished(name)
