"""Sets of tracks, planned: a piece, a cast and a seed for each track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from timbresep.data.rendering.casting import balanced_casts
from timbresep.data.rendering.scores import Score
from timbresep.data.track import Split, split_of


@dataclass(frozen=True)
class TrackSet:
    """A set of tracks to render.

    Attributes:
        split: the side of the split whose pieces are played.
        count: number of tracks; pieces come again when there are fewer.
        seconds: shortest and longest track.
        seed: of pieces, casts and performances; with more tracks the first ones stay the same.
        detune: bound in cents of what each player of a soundfont is out of tune.
    """

    split: Split
    count: int
    seconds: tuple[float, float] = (20.0, 30.0)
    seed: int = 0
    detune: float = 0.0


@dataclass(frozen=True)
class Plan:
    """One track to render; everything that happens in it follows from `seed`.

    Attributes:
        name: of the track.
        score: what is played.
        cast: names of those who play.
        seconds: longest the track may be.
        split: the side of the split.
        seed: of the track.
        detune: bound in cents of what each player is out of tune.
    """

    name: str
    score: Score
    cast: tuple[str, ...]
    seconds: float
    split: Split
    seed: int
    detune: float = 0.0


def plan_tracks(
    scores: Sequence[Score], names: Sequence[str], parts: int, tracks: TrackSet
) -> list[Plan]:
    """Choose pieces of one side of the split, by their melodies, and balanced casts for them.

    Args:
        scores: the library.
        names: the players.
        parts: players in a track.
        tracks: how many, how long, on which side.
    """
    pieces, casting, chance = (
        np.random.default_rng([tracks.seed, ["train", "valid", "test"].index(tracks.split), stream])
        for stream in range(3)
    )
    pool = [score for score in scores if split_of(score.family) == tracks.split]
    if not pool:
        return []
    order: list[int] = []
    while len(order) < tracks.count:
        order += [int(k) for k in pieces.permutation(len(pool))]
    casts = balanced_casts(names, parts, tracks.count, casting)
    plans = []
    for index, (which, cast) in enumerate(zip(order[: tracks.count], casts, strict=True)):
        score = pool[which]
        name = f"{tracks.split}-{index:03d}-{score.piece.replace('/', '-')}"
        length = float(chance.uniform(*tracks.seconds))
        seed = int(chance.integers(2**31))
        plans.append(Plan(name, score, tuple(cast), length, tracks.split, seed, tracks.detune))
    return plans
