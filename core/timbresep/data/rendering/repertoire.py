"""What bands play: chorales as they are, tunes set for an ensemble, stretches of quartets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from timbresep.data.rendering import scores
from timbresep.data.rendering.scores import Music, Score
from timbresep.data.rendering.tune_sets import tune_set

MUSIC: tuple[Music, ...] = get_args(Music)
"""The kinds of music."""
TUNES = 600  # as many as are parsed in a few minutes

_LIBRARIES: Mapping[Music, Callable[[Path], list[Score]]] = {
    "chorales": scores.chorales,
    "tunes": partial(scores.tunes, count=TUNES),
    "quartets": scores.quartets,
}


def library(kinds: Sequence[Music], cache: Path) -> list[Score]:
    """All pieces of some kinds of music.

    Args:
        kinds: of music.
        cache: folder where the parsed scores are kept (the first call parses for minutes).
    Raises:
        MissingToolError: music21 is not installed and nothing is cached.
    """
    return [score for kind in kinds for score in _LIBRARIES[kind](cache)]


def setting(
    score: Score, pool: Sequence[Score], quarters: float, rng: np.random.Generator
) -> Score:
    """A piece as one track has it: a chorale as it is, tunes for several players, and of a quartet
    the stretch that is played.

    Args:
        score: the piece.
        pool: pieces of its kind, on its side of the split.
        quarters: quarter notes that are played at most.
        rng: source of chance.
    """
    if score.music == "tunes":
        return tune_set(score, pool, quarters, rng)
    if score.music == "quartets":
        return stretch(score, quarters, rng)
    return score


def stretch(score: Score, quarters: float, rng: np.random.Generator) -> Score:
    """A part of a piece, which begins with any bar in which its first part begins a note.

    Args:
        score: the piece.
        quarters: length in quarter notes, less only where the piece is shorter.
        rng: source of chance.
    """
    starts = [note.start for note in score.parts[0]]
    early = [start for start in starts if start <= score.length - quarters] or starts[:1]
    bars = math.floor((early[int(rng.integers(len(early)))] - score.upbeat) / score.bar)
    return score.since(max(0.0, score.upbeat + bars * score.bar)).until(quarters)
