"""An evaluation in fewer numbers: per instrument and over all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from timbresep.evaluation.result import (
    BSS_KEYS,
    KEYS,
    METHODS,
    Evaluation,
    Method,
    Row,
    Scores,
    mean_of,
    median_of,
)

BOUNDS: tuple[Method, ...] = ("oracle", "mixture", "silence")
"""What scores are read against."""
MIXTURE_ERROR_DB = -20.0
"""Level of the difference between mixture file and sum of stems that is reported: 1 % of energy."""


def methods_in(result: Evaluation) -> list[str]:
    """The methods that have scores: separators, other systems, then what bounds them."""
    found = {row.method for row in result.rows}
    ways = [method for method in METHODS if method in found]
    bounds = [method for method in ways if method in BOUNDS]
    return [*(method for method in ways if method not in bounds), *systems_in(result), *bounds]


def systems_in(result: Evaluation) -> list[str]:
    """The names of the other systems that have scores."""
    return [
        name for name in dict.fromkeys(row.method for row in result.rows) if name not in METHODS
    ]


def compared_in(result: Evaluation) -> list[str]:
    """The methods that a paper compares: the separator, the earlier one, other systems."""
    own = [method for method in methods_in(result) if method in ("separator", "earlier")]
    return [*own, *systems_in(result)]


class OfInstrument(Protocol):
    """A row of scores of one instrument."""

    @property
    def instrument(self) -> str: ...  # noqa: D102


def grouped(
    rows: Sequence[OfInstrument],
    names: Sequence[str],
    keys: Sequence[str],
    of: Callable[[Sequence[float | None]], float | None] = mean_of,
) -> dict[str, Scores]:
    """Instrument → one value, such as the mean, of each score of its rows."""
    return {
        name: {key: of([getattr(row, key) for row in own]) for key in keys}
        for name in names
        if (own := [row for row in rows if row.instrument == name])
    }


def by_instrument(result: Evaluation, method: str) -> dict[str, Scores]:
    """Instrument → mean scores over the tracks it plays in."""
    return grouped(_rows(result, method), result.instruments, KEYS)


def medians(result: Evaluation, method: str) -> dict[str, Scores]:
    """Instrument → median scores over the tracks it plays in."""
    return grouped(_rows(result, method), result.instruments, KEYS, median_of)


def _rows(result: Evaluation, method: str) -> list[Row]:
    return [row for row in result.rows if row.method == method]


def overall(result: Evaluation, method: str) -> Scores:
    """Mean over the instruments' means: each instrument counts once."""
    rows = by_instrument(result, method).values()
    return {key: mean_of([row[key] for row in rows]) for key in KEYS}


def tracks_of(result: Evaluation, instrument: str, method: str = "mixture") -> int:
    """How many tracks of an instrument a method has scores of; by default, all it plays in."""
    return sum(row.instrument == instrument for row in _rows(result, method))


def swap_losses(result: Evaluation) -> dict[str, float]:
    """Instrument → dB of SI-SDR that it loses, on average, when its condition is another's."""
    return _ahead_of(result, "swapped")


def swap_means(result: Evaluation) -> dict[tuple[str, str], float]:
    """(instrument, condition given instead of its own) → mean SI-SDR improvement in dB."""
    pairs: dict[tuple[str, str], list[float]] = {}
    for swap in result.swaps:
        pairs.setdefault((swap.instrument, swap.condition), []).append(swap.si_sdr_improvement)
    return {pair: float(np.mean(values)) for pair, values in pairs.items()}


def gains_over_earlier(result: Evaluation) -> dict[str, float]:
    """Instrument → dB of SI-SDR by which the separator is better than the earlier checkpoint."""
    return _ahead_of(result, "earlier")


def _ahead_of(result: Evaluation, method: Method) -> dict[str, float]:
    """Instrument → dB of SI-SDR by which the separator is ahead of another method."""
    own = by_instrument(result, "separator")
    gains = {}
    for name, scores in by_instrument(result, method).items():
        ours, theirs = own[name]["si_sdr"], scores["si_sdr"]
        if ours is not None and theirs is not None:
            gains[name] = ours - theirs
    return gains


def leak_means(result: Evaluation) -> dict[str, float]:
    """Instrument → mean level in dB of its stem in the tracks that it is not in."""
    levels = {
        name: [leak.level for leak in result.leaks if leak.instrument == name]
        for name in result.instruments
    }
    return {name: float(np.mean(values)) for name, values in levels.items() if values}


def measured_by_bss(result: Evaluation) -> list[str]:
    """The methods and other systems that BSSEval has measured, in the order of the tables."""
    return [way for way in (*METHODS, *systems_in(result)) if bss_medians(result, way)]


def bss_medians(result: Evaluation, method: str) -> dict[str, Scores]:
    """Source → BSSEval: median over the tracks of the medians over the frames, in dB."""
    rows = [row for row in result.bss if row.method == method]
    return {
        source: {
            key: median_of([getattr(row, key) for row in rows if row.source == source])
            for key in BSS_KEYS
        }
        for source in dict.fromkeys(row.source for row in rows)
    }


def mixtures_unlike_their_stems(result: Evaluation) -> list[str]:
    """Tracks whose mixture file is not the sum of their stems."""
    return [
        track.track
        for track in result.tracks
        if track.mixture_error is not None and track.mixture_error > MIXTURE_ERROR_DB
    ]


def without_target(result: Evaluation) -> list[str]:
    """Tracks in which none of the instruments plays."""
    return [track.track for track in result.tracks if not track.rows]
