"""Tunes for an ensemble: players double one tune, follow it, or play another one beside it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from timbresep.data.rendering.scores import Note, Part, Score

PLAYERS = 4
DOUBLINGS = (-12, 0, 12)  # semitones
SHORT_SHARE, TWICE_SHARE = 0.25, 0.15  # of the parts
SHORT = 0.35  # of a note's written length, where notes are short
TWICE_FROM = 0.5  # quarter notes: how long a note is that is struck twice

Relation = Literal["other", "doubled", "thirds", "canon"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
"""What a player plays beside the first: other tunes in the same bars, or the same in unison or
octaves, in thirds, or some bars later."""


def tune_set(
    tune: Score, pool: Sequence[Score], quarters: float, rng: np.random.Generator
) -> Score:
    """A tune, and others after it, for four players.

    Most of the others play what the first does, in some way; the rest play tunes of their own. Some
    play all notes short, and some strike them twice.

    Args:
        tune: of one part.
        pool: tunes, of which those with its length of bar may go with it.
        quarters: length in quarter notes.
        rng: source of chance.
    """
    fitting = [other for other in pool if other.bar == tune.bar] or [tune]
    lead, pieces = medley(tune, fitting, quarters, rng)
    parts = [lead]
    for _ in range(PLAYERS - 1):
        relation = RELATIONS[int(rng.integers(len(RELATIONS)))]
        if relation == "other":
            other, more = medley(fitting[int(rng.integers(len(fitting)))], fitting, quarters, rng)
            parts.append(other)
            pieces += more
        else:
            parts.append(related(lead, relation, tune.bar, rng))
    names = " + ".join(dict.fromkeys(pieces))
    return replace(tune, piece=names, parts=tuple(_touched(part, rng) for part in parts))


def medley(
    tune: Score, pool: Sequence[Score], quarters: float, rng: np.random.Generator
) -> tuple[Part, list[str]]:
    """Tunes one after another, in the bars of the first.

    Args:
        tune: the first.
        pool: where the next ones are from.
        quarters: length in quarter notes.
        rng: source of chance.
    Returns:
        their notes, and the names of the pieces.
    """
    notes, pieces = list(tune.parts[0]), [tune.piece]
    while (end := notes[-1].end) < quarters:
        following = pool[int(rng.integers(len(pool)))]
        bars = math.ceil((end + following.upbeat - tune.upbeat) / tune.bar)
        start = tune.upbeat + bars * tune.bar - following.upbeat
        notes += [replace(note, start=start + note.start) for note in following.parts[0]]
        pieces.append(following.piece)
    return tuple(note for note in notes if note.start < quarters), pieces


def related(lead: Part, relation: Relation, bar: float, rng: np.random.Generator) -> Part:
    """The same notes in unison or octaves, in thirds below, or one or two bars later."""
    if relation == "doubled":
        shift = int(rng.choice(DOUBLINGS))
        return tuple(replace(note, midi=note.midi + shift) for note in lead)
    if relation == "thirds":
        below = _thirds_below(lead)
        return tuple(replace(note, midi=note.midi - below[note.midi % 12]) for note in lead)
    delay = bar * int(rng.integers(1, 3))
    return tuple(replace(note, start=note.start + delay) for note in lead)


def _thirds_below(part: Part) -> dict[int, int]:
    """Semitones down to the second next note of the scale, from each pitch class.

    The scale is the seven pitch classes that are heard longest.
    """
    heard: dict[int, float] = defaultdict(float)
    for note in part:
        heard[note.midi % 12] += note.duration
    scale = sorted(heard, key=lambda pitch: heard[pitch])[-7:]
    steps = {p: [k for k in range(1, 13) if (p - k) % 12 in scale] for p in range(12)}
    return {pitch: down[1] if len(down) > 1 else 12 for pitch, down in steps.items()}


def _touched(part: Part, rng: np.random.Generator) -> Part:
    """As written; or with short notes, as if plucked; or with each longer note struck twice."""
    touch = float(rng.random())
    if touch < SHORT_SHARE:
        return tuple(replace(note, duration=SHORT * note.duration) for note in part)
    if touch > 1 - TWICE_SHARE:
        return tuple(stroke for note in part for stroke in _twice(note))
    return part


def _twice(note: Note) -> list[Note]:
    if note.duration < TWICE_FROM:
        return [note]
    half = note.duration / 2
    return [replace(note, duration=half), replace(note, start=note.start + half, duration=half)]
