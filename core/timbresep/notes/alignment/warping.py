"""Dynamic time warping of two sequences, either of which may begin late or end early.

Long sequences are warped at a coarse scale first, and then in a band around what was found there.
So memory grows with the length, not with the product of both lengths.

Source: Müller, "Fundamentals of Music Processing" (2015), chapters 3 and 7; coarse to fine as in
Müller, Mattes & Kurth, "An efficient multiscale approach to audio synchronization" (ISMIR 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from timbresep.notes.alignment.features import shrunk

SLANT = 0.2  # added to a step of one sequence alone: both should go on
LEFT_OUT = 0.9  # cost of a frame left out at an end, beside what two frames cost by chance
SAMPLE = 500  # frames of each sequence that tell the latter
CELLS = 4_000_000  # most pairs of frames that are compared without a band
FACTOR = 4  # from scale to scale
RADIUS = 8  # frames of the coarser scale on each side of what was found there
BEGIN, BOTH, ROW, COLUMN = range(4)  # steps

Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Path:
    """Pairs of frames that belong together, in order: ``(pairs,)`` each.

    Attributes:
        rows: frames of the one sequence.
        columns: frames of the other.
        costs: how unlike the two frames are, 0 to 1.
        total: cost of the whole, with what was left out.
    """

    rows: Indices
    columns: Indices
    costs: NDArray[np.float32]
    total: float


@dataclass(frozen=True)
class Band:
    """Columns ``first`` to ``end`` (exclusive) of each row; neither ever falls."""

    first: Indices
    end: Indices


def warp(one: Vectors, other: Vectors) -> Path:
    """The cheapest path through two sequences.

    A step to the next frame of one sequence costs what the frames are unlike (1 − their product)
    and `SLANT`, a step to the next of both twice what they are unlike. Each frame left out at an
    end costs a little less than two frames cost by chance.

    Args:
        one: ``(rows, size)``, vectors of length 1.
        other: ``(columns, size)``, likewise.
    """
    if len(one) * len(other) <= CELLS:
        whole = Band(np.zeros(len(one), np.int64), np.full(len(one), len(other)))
        return warp_within(one, other, whole)
    coarse = warp(shrunk(one, FACTOR), shrunk(other, FACTOR))
    return warp_within(one, other, around(coarse, len(one), len(other)))


def around(path: Path, rows: int, columns: int) -> Band:
    """A band around a path that was found at the next coarser scale.

    Args:
        path: with frames of the coarser scale.
        rows, columns: of the finer one.
    """
    coarse = np.arange(-(-rows // FACTOR))
    found, places = np.unique(path.rows, return_index=True)
    last = np.append(places[1:], len(path.rows)) - 1
    low = _continued(coarse, found, path.columns[places]) - RADIUS
    high = _continued(coarse, found, path.columns[last]) + RADIUS + 1
    row = np.arange(rows) // FACTOR
    first = np.clip(FACTOR * low[row], 0, columns - 1)
    return Band(first, np.maximum(np.clip(FACTOR * high[row], 1, columns), first + 1))


def _continued(rows: Indices, found: Indices, columns: Indices) -> Indices:
    """Columns of rows; before the first and after the last found, one a row."""
    inside = np.interp(rows, found, columns)
    before, after = np.minimum(rows - found[0], 0), np.maximum(rows - found[-1], 0)
    continued: Indices = np.round(inside + before + after).astype(np.int64)
    return continued


def warp_within(one: Vectors, other: Vectors, band: Band) -> Path:
    """As `warp`, with no frame outside of a band.

    The way along a row is found for all its columns at once: with the costs' running sum taken
    off, the best cell to come from is a running minimum.
    """
    rows, columns = len(one), len(other)
    offsets = np.concatenate([[0], np.cumsum(band.end - band.first)])
    steps, costs = np.zeros(offsets[-1], np.uint8), np.zeros(offsets[-1], np.float32)
    skip = LEFT_OUT * by_chance(one, other)
    cheapest = _End(np.inf, 0, 0)
    above, above_first = np.empty(0), 0
    for row in range(rows):
        first, last = int(band.first[row]), int(band.end[row])
        cost = np.maximum(1 - other[first:last] @ one[row], 0).astype(np.float64)
        moved = first - above_first
        ways = np.stack(
            [
                _begun(row, first, last, skip) + 2 * cost,
                _moved(above, moved - 1, len(cost)) + 2 * cost,
                _moved(above, moved, len(cost)) + cost + SLANT,
            ]
        )
        way = ways.argmin(axis=0)
        value = ways.min(axis=0)
        along = np.cumsum(cost + SLANT)
        reached = np.minimum.accumulate(value - along) + along
        way[reached < value - 1e-9] = COLUMN
        steps[offsets[row] : offsets[row + 1]] = way
        costs[offsets[row] : offsets[row + 1]] = cost
        if row == rows - 1 or last == columns:
            left = skip * (rows - 1 - row + columns - 1 - np.arange(first, last))
            places = slice(None) if row == rows - 1 else slice(-1, None)
            place = int((reached + left)[places].argmin()) + (places.start or 0) % len(cost)
            cheapest = min(cheapest, _End(float(reached[place] + left[place]), row, place))
        above, above_first = reached, first
    return _traced(steps, costs, offsets, band.first, cheapest)


def by_chance(one: Vectors, other: Vectors) -> float:
    """How unlike two frames are that do not belong together: the median of many pairs."""
    few, others = (vectors[:: -(-len(vectors) // SAMPLE)] for vectors in (one, other))
    return float(np.median(1 - few @ others.T))


class _End(NamedTuple):
    """Where a path ends, and what it costs with what it leaves out."""

    cost: float
    row: int
    place: int


def _begun(row: int, first: int, last: int, skip: float) -> NDArray[np.float64]:
    """What it costs to begin a path in each cell of a row, with what is left out before it."""
    if row == 0:
        return skip * np.arange(first, last, dtype=np.float64)
    costs = np.full(last - first, np.inf)
    if first == 0:
        costs[0] = skip * row
    return costs


def _moved(values: NDArray[np.float64], by: int, length: int) -> NDArray[np.float64]:
    """Values from place `by` on, infinite where there are none."""
    moved = np.full(length, np.inf)
    begin, end = max(0, -by), min(length, len(values) - by)
    if begin < end:
        moved[begin:end] = values[begin + by : end + by]
    return moved


def _traced(
    steps: NDArray[np.uint8],
    costs: NDArray[np.float32],
    offsets: Indices,
    first: Indices,
    end: _End,
) -> Path:
    """The path that ends there, traced back by its steps."""
    row, column = end.row, int(first[end.row]) + end.place
    pairs = []
    while True:
        cell = int(offsets[row] + column - first[row])
        pairs.append((row, column, cell))
        step = steps[cell]
        if step == BEGIN:
            break
        row -= int(step in {BOTH, ROW})
        column -= int(step in {BOTH, COLUMN})
    found = np.array(pairs[::-1], np.int64)
    return Path(found[:, 0], found[:, 1], costs[found[:, 2]], end.cost)
