"""Score tracks one after the other, or in several processes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import active_children, get_context

import torch

from timbresep.data.track import Track
from timbresep.errors import AudioError, DataError, TimbresepError
from timbresep.evaluation.bsseval import BssScores
from timbresep.evaluation.plan import Plan
from timbresep.evaluation.result import Method, TrackScores
from timbresep.evaluation.score import Scorer
from timbresep.evaluation.tracks import Skip
from timbresep.running.interrupts import leave_to_parent, starting_workers
from timbresep.running.progress import Work

Report = Callable[[str, float, float], None]
"""Called with the track, how many frames of all tracks are done, and how many there are."""
Outcome = tuple[TrackScores, dict[Method, BssScores]]


def frames_of(tracks: Sequence[Track], report: Report | None) -> Work[str]:
    """Progress through tracks, by their frames."""
    return Work({track.name: track.frames for track in tracks}, report)


def score_here(
    scorer: Scorer, tracks: Sequence[Track], work: Work[str], skip: Skip | None
) -> Iterator[tuple[Track, Outcome]]:
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
    plan: Plan, tracks: Sequence[Track], workers: int, work: Work[str], skip: Skip
) -> Iterator[tuple[Track, Outcome]]:
    """Score as many tracks at a time as there are workers, in the order in which they end."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    before = active_children()
    with _math_threads(threads), ExitStack() as stack:
        with starting_workers():
            pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (plan, threads))
        stack.enter_context(pool)
        futures: dict[Future[Outcome], Track] = {}
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


_scorer: Scorer | None = None
"""A worker's own separators."""


def _begin(plan: Plan, threads: int) -> None:
    """Open the separators of a worker; the first process has logged the notices."""
    global _scorer
    leave_to_parent()
    logging.getLogger("timbresep").setLevel(logging.ERROR)
    torch.set_num_threads(threads)
    _scorer = plan.open()


def _work(track: Track) -> Outcome:
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
