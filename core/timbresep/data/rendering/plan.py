"""Sets of tracks, planned: a piece, a cast and a seed for each track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from timbresep.data.rendering.casting import TEMPO_S, balanced_casts
from timbresep.data.rendering.repertoire import setting
from timbresep.data.rendering.scores import Music, Score
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
        music: kinds of music, which take turns.
    """

    split: Split
    count: int
    seconds: tuple[float, float] = (20.0, 30.0)
    seed: int = 0
    detune: float = 0.0
    music: tuple[Music, ...] = ("chorales",)


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
    side = [score for score in scores if split_of(score.family) == tracks.split]
    pools = [pool for kind in tracks.music if (pool := [s for s in side if s.music == kind])]
    if not pools:
        return []
    waiting: list[list[int]] = [[] for _ in pools]  # of each pool: those not yet played
    plans = []
    for index, cast in enumerate(balanced_casts(names, parts, tracks.count, casting)):
        turn = index % len(pools)
        pool, order = pools[turn], waiting[turn]
        if not order:
            order += [int(k) for k in pieces.permutation(len(pool))]
        score = pool[order.pop(0)]
        name = f"{tracks.split}-{index:03d}-{score.piece.replace('/', '-')}"
        length = float(chance.uniform(*tracks.seconds))
        seed = int(chance.integers(2**31))
        score = setting(score, pool, length / TEMPO_S[0], np.random.default_rng([seed, 3]))
        plans.append(Plan(name, score, tuple(cast), length, tracks.split, seed, tracks.detune))
    return plans
