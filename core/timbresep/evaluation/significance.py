"""How sure a mean score is, and a difference of two systems: the paired bootstrap over tracks.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall 1993: percentile
intervals (chapter 13), of differences of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbresep.errors import ConfigError
from timbresep.evaluation.result import Evaluation
from timbresep.evaluation.summary import compared_in

RESAMPLES = 10_000
LEVEL = 0.95
SEED = 0
SCORES = ("sdr", "si_sdr_improvement")
"""What intervals are given of."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean in dB and the ends of its interval; they are None for less than two tracks."""

    mean: float
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is one at this level."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True)
class Estimate:
    """A mean score of a method, and how far it is from that of the reference.

    Attributes:
        instrument: of which; None for the mean over the instruments, each of which counts once.
        method: whose.
        score: name of the score.
        tracks: how many have it.
        mean: over these tracks.
        pairs: how many tracks the method and the reference both have it of.
        difference: the method's less the reference's, over these pairs; None for the reference
            itself and without pairs.
    """

    instrument: str | None
    method: str
    score: str
    tracks: int
    mean: Interval
    pairs: int = 0
    difference: Interval | None = None


def intervals(result: Evaluation, reference: str = "separator") -> list[Estimate]:
    """Intervals of every mean and of its difference to a reference, for the systems compared.

    All tracks with all their instruments are drawn together, `RESAMPLES` times with replacement
    and from one seed, so that the same scores always give the same intervals.

    Args:
        result: the scores.
        reference: the method that differences are to.

    Raises:
        ConfigError: the reference has no scores.
    """
    methods = compared_in(result)
    if reference not in methods:
        raise ConfigError(f"'{reference}' has no scores", f"compare with {', '.join(methods)}")
    rng = np.random.default_rng(SEED)
    count = len(result.tracks)
    draws = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64)
    values = {
        (method, score): _values(result, method, score) for method in methods for score in SCORES
    }
    found: list[Estimate] = []
    for (method, score), table in values.items():
        pairs = table - values[reference, score]
        means, differences = _intervals(table, draws), _intervals(pairs, draws)
        names = (None, *result.instruments)
        for name, mean, difference in zip(names, means, differences, strict=True):
            if mean is None:
                continue
            columns = slice(None) if name is None else [result.instruments.index(name)]
            found.append(
                Estimate(
                    name,
                    method,
                    score,
                    _tracks_in(table[:, columns]),
                    mean,
                    _tracks_in(pairs[:, columns]),
                    None if method == reference else difference,
                )
            )
    return found


def _tracks_in(values: Array) -> int:
    return int(np.isfinite(values).any(axis=1).sum())


def _intervals(values: Array, draws: Array) -> list[Interval | None]:
    """Of the mean over the instruments, then of each instrument; None where there is no value.

    Args:
        values: (tracks, instruments), NaN where there is none.
        draws: how often each resample has each track, (resamples, tracks).
    """
    everyone = np.vstack([np.ones(len(values)), draws])  # first the tracks as they are
    known = np.isfinite(values)
    counts = everyone @ known
    sums = everyone @ np.where(known, values, 0.0)
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    drawn = np.isfinite(means)
    over = np.where(drawn, means, 0.0).sum(axis=1) / np.maximum(drawn.sum(axis=1), 1)
    over[~drawn.any(axis=1)] = np.nan
    tracks = [_tracks_in(values), *known.sum(axis=0)]
    return [
        _interval(column, several=number > 1)
        for column, number in zip([over, *means.T], tracks, strict=True)
    ]


def _interval(means: Array, *, several: bool) -> Interval | None:
    """From the mean itself and those of the resamples."""
    if not np.isfinite(means[0]):
        return None
    if not several:
        return Interval(float(means[0]), None, None)
    tail = 50 * (1 - LEVEL)
    low, high = np.nanpercentile(means[1:], (tail, 100 - tail))
    return Interval(float(means[0]), float(low), float(high))


def _values(result: Evaluation, method: str, score: str) -> Array:
    """(tracks, instruments), NaN where a track has no such score."""
    places = {name: place for place, name in enumerate(result.instruments)}
    table = np.full((len(result.tracks), len(places)), np.nan)
    for line, track in zip(table, result.tracks, strict=True):
        for row in track.rows:
            value = getattr(row, score)
            if row.method == method and value is not None:
                line[places[row.instrument]] = value
    return table
