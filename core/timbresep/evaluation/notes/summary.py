"""An evaluation of notes in fewer numbers: per instrument, over all, and without labels."""

from __future__ import annotations

import numpy as np

from timbresep.evaluation.notes.measures import KEYS
from timbresep.evaluation.notes.result import METHODS, Method, NoteEvaluation
from timbresep.evaluation.result import Scores, mean_of
from timbresep.evaluation.summary import grouped


def methods_in(result: NoteEvaluation) -> list[Method]:
    """The methods that have scores, in their order."""
    found = {row.method for row in result.rows}
    return [method for method in METHODS if method in found]


def unlabelled_in(result: NoteEvaluation) -> list[Method]:
    """The methods that have scores without labels, in their order."""
    found = {row.method for row in result.everyone}
    return [method for method in METHODS if method in found]


def by_instrument(result: NoteEvaluation, method: Method) -> dict[str, Scores]:
    """Instrument → mean scores over the tracks that it plays in."""
    rows = [row for row in result.rows if row.method == method]
    return grouped(rows, result.instruments, KEYS)


def overall(result: NoteEvaluation, method: Method) -> Scores:
    """Mean over the instruments' means: each instrument counts once."""
    rows = by_instrument(result, method).values()
    return {key: mean_of([row[key] for row in rows]) for key in KEYS}


def without_labels(result: NoteEvaluation, method: Method) -> Scores:
    """Mean over the tracks, with the notes of all instruments as one set."""
    rows = [row for row in result.everyone if row.method == method]
    return {key: mean_of([getattr(row, key) for row in rows]) for key in KEYS}


def tracks_of(result: NoteEvaluation, instrument: str) -> int:
    """How many tracks an instrument has notes in."""
    return len(_own(result, instrument))


def notes_of(result: NoteEvaluation, instrument: str) -> int:
    """How many notes an instrument plays in all tracks."""
    return sum(_own(result, instrument))


def _own(result: NoteEvaluation, instrument: str) -> list[int]:
    """How many notes an instrument plays in each track that it plays in."""
    key = instrument, "transcriber"
    return [row.true for row in result.rows if (row.instrument, row.method) == key]


def swap_losses(result: NoteEvaluation) -> dict[str, float]:
    """Instrument → frame F that it loses, on average, when its condition is another's."""
    return _ahead_of(result, "swapped", "frame_f")


def gains_over_earlier(result: NoteEvaluation) -> dict[str, float]:
    """Instrument → note F by which the transcriber is better than the earlier one."""
    return _ahead_of(result, "earlier", "note_f")


def _ahead_of(result: NoteEvaluation, method: Method, key: str) -> dict[str, float]:
    own = by_instrument(result, "transcriber")
    gains = {}
    for name, scores in by_instrument(result, method).items():
        ours, theirs = own[name][key], scores[key]
        if ours is not None and theirs is not None:
            gains[name] = ours - theirs
    return gains


def swap_means(result: NoteEvaluation) -> dict[tuple[str, str], float]:
    """(instrument, condition given instead of its own) → mean frame F."""
    pairs: dict[tuple[str, str], list[float]] = {}
    for swap in result.swaps:
        pairs.setdefault((swap.instrument, swap.condition), []).append(swap.frame_f)
    return {pair: float(np.mean(values)) for pair, values in pairs.items()}


def false_notes(result: NoteEvaluation) -> dict[str, float]:
    """Instrument → notes a minute that are heard of it in the tracks that it does not play in."""
    heard = {
        name: [found.per_minute for found in result.absent if found.instrument == name]
        for name in result.instruments
    }
    return {name: float(np.mean(values)) for name, values in heard.items() if values}
