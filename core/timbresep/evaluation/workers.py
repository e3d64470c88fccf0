"""Score tracks one after the other, or in several processes, and go on where a run has stopped."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import active_children, get_context
from typing import Any, Protocol, TypeVar

import torch

from timbresep.data.track import Track
from timbresep.errors import AudioError, DataError, TimbresepError
from timbresep.evaluation.store import Store
from timbresep.evaluation.tracks import Skip
from timbresep.running.interrupts import leave_to_parent, starting_workers
from timbresep.running.progress import Work

log = logging.getLogger(__name__)

Report = Callable[[str, float, float], None]
"""Called with the track, how many frames of all tracks are done, and how many there are."""
Advance = Callable[[int], None]
"""Called with how many frames of the track are done."""


class Remarked(Protocol):
    """All that is found in a track; `remarks` are what a reader should know, one line each."""

    @property
    def remarks(self) -> Sequence[str]: ...  # noqa: D102


Scores = TypeVar("Scores", bound=Remarked)
Given = TypeVar("Given", bound=Remarked, covariant=True)


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
    workers: int = 1,
    report: Report | None = None,
) -> list[Scores]:
    """Score tracks, but for those that an earlier run has scored.

    Args:
        plan: what to score.
        scorer: opened from it.
        tracks: the tracks.
        skip: called with each bad track.
        store: where scores are kept.
        workers: processes, each with its own scorer.
        report: called with the progress; with several workers, track by track.

    Returns:
        The scores in the order of the tracks, without the bad ones.

    Raises:
        DataError: none could be scored.
    """
    done = _scored_before(store, tracks)
    pending = [track for track in tracks if track.name not in done]
    work = frames_of(pending, report)
    if workers > 1 and len(pending) > 1:
        outcomes = score_in_workers(plan, pending, min(workers, len(pending)), work, skip)
    else:
        outcomes = score_here(scorer, pending, work, skip)
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
) -> Iterator[tuple[Track, tuple[Scores, Mapping[str, str]]]]:
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


def score_in_workers(
    plan: Plan[Scores], tracks: Sequence[Track], workers: int, work: Work[str], skip: Skip
) -> Iterator[tuple[Track, tuple[Scores, Mapping[str, str]]]]:
    """Score as many tracks at a time as there are workers, in the order in which they end."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    before = active_children()
    with _math_threads(threads), ExitStack() as stack:
        with starting_workers():
            pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (plan, threads))
        stack.enter_context(pool)
        futures: dict[Future[tuple[Scores, Mapping[str, str]]], Track] = {}
        try:
            with starting_workers():
                futures |= {pool.submit(_work, track): track for track in tracks}
            for future in as_completed(futures):
                track = futures[future]
                try:
                    yield track, future.result()
                except (AudioError, DataError) as error:
                    work.failed(track.name)
                    skip(track.name, error)
                else:
                    work.finished(track.name)
        except BrokenProcessPool as error:
            raise TimbresepError(
                "a worker process ended, perhaps for want of memory",
                "use fewer --workers; finished tracks are kept in OUT",
            ) from error
        except BaseException:
            for worker in active_children():  # their tracks are not wanted any more
                if worker not in before:
                    worker.terminate()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_scorer: Scorer[Any] | None = None
"""A worker's own."""


def _begin(plan: Plan[Any], threads: int) -> None:
    """Open the scorer of a worker; the first process has logged the notices."""
    global _scorer
    leave_to_parent()
    logging.getLogger("timbresep").setLevel(logging.ERROR)
    torch.set_num_threads(threads)
    _scorer = plan.open()


def _work(track: Track) -> Any:
    assert _scorer is not None  # noqa: S101 (`_begin` ran first)
    return _scorer.score(track)


@contextmanager
def _math_threads(count: int) -> Iterator[None]:
    """Processes started inside use so many threads for linear algebra."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
