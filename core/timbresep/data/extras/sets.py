"""Sets of tracks in which extra instruments play, beside instruments of plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from timbresep.config import load_yaml
from timbresep.data import recipe as recipes
from timbresep.data.extras.listed import BUNDLED, ExtraInstrument, ExtraList
from timbresep.data.rendering.band import REVERB_SHARE, Member, seat
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.plan import Plan, TrackSet, plan_tracks
from timbresep.data.rendering.repertoire import library
from timbresep.data.rendering.sets import players_of, soundfonts_of
from timbresep.data.rendering.tracks import render_tracks
from timbresep.data.sources.discover import InstrumentLike
from timbresep.data.threads import workers
from timbresep.data.user_cache import default_cache
from timbresep.errors import DataError
from timbresep.running.progress import CountDone


@dataclass(frozen=True)
class BandSize:
    """Who plays in each track of a set.

    Attributes:
        parts: players in all.
        real: how many of them are plugins' instruments; the others are extra ones.
        source: source of kind `rendered` in the recipes of plugins' instruments.
    """

    parts: int = 4
    real: int = 0
    source: str = "orchestra"

    def __post_init__(self) -> None:
        if not 0 <= self.real < self.parts or self.parts < 2:
            raise DataError(
                f"{self.real} of {self.parts} players are plugins' instruments: no other is, or a "
                "track has less than two",
                "give more parts, or fewer real ones",
            )

    @property
    def extra(self) -> int:
        """Extra instruments in a track."""
        return self.parts - self.real


def render_extras(
    instruments: Sequence[InstrumentLike],
    tracks: TrackSet,
    out: Path,
    *,
    band: BandSize | None = None,
    listed: Path = BUNDLED,
    at_a_time: int | None = None,
    progress: CountDone | None = None,
) -> list[Path]:
    """Render tracks with extra instruments, to train on.

    Beside the stems lies a file of their tone tables, so that training can draw conditions of any
    version for them, as exact as those of plugins' instruments.

    Args:
        instruments: of plugins; no program of theirs is extra, and the real players are among them.
        tracks: what is rendered.
        out: folder of tracks, in the layout that `stems` sources read.
        band: who plays in a track (default: four extra instruments).
        listed: file that lists extra instruments.

        at_a_time: tracks at a time; as many as there are processor cores by default.
        progress: called with how many of how many tracks are rendered.
    Returns:
        the tracks' folders.
    Raises:
        ConfigError: the list cannot be read.
        DataError: fewer extra instruments than players; a program that a soundfont lacks.
        MissingToolError: a soundfont, what plays it, or music21 is missing.
        UnknownNameError: plugins' instruments are to play, and none has the source.
    """
    band, cache = band or BandSize(), default_cache()
    known = {i.name: recipes.load(i.recipe_file) for i in instruments}
    players = players_of(band.source, known) if band.real else {}
    extra_list = load_yaml(listed, ExtraList)
    extras = extra_list.without({p for recipe in known.values() for p in recipe.programs})
    if len(extras) < band.extra:
        raise DataError(
            f"{band.extra} extra instruments play in a track, and only {len(extras)} are listed",
            "list more programs or soundfonts",
        )
    return render_tracks(
        plan_tracks(library(tracks.music, cache), list(players), band.real, tracks),
        partial(seat_with_extras, players=players, extras=extras, parts=band.parts),
        out,
        soundfonts=[*soundfonts_of(players), *(font.file for font in extra_list.soundfonts)],
        workers=at_a_time or workers(),
        progress=progress,
        cache=cache,
    )


def seat_with_extras(
    plan: Plan, players: Mapping[str, Player], extras: Sequence[ExtraInstrument], parts: int
) -> list[Member]:
    """The cast of a track and random extra instruments, none twice, in random order.

    Args:
        plan: the track; its cast are the plugins' instruments.
        players: those by name.
        extras: the extra instruments.
        parts: players in all.
    """
    chance = np.random.default_rng([plan.seed, 2])
    count = parts - len(plan.cast)
    chosen = [extras[int(k)] for k in chance.choice(len(extras), count, replace=False)]
    everyone: list[Member | ExtraInstrument] = [*seat(plan, players), *chosen]
    order = [everyone[int(k)] for k in chance.permutation(len(everyone))]
    return [
        one if isinstance(one, Member) else one.member(reverb=bool(chance.random() < REVERB_SHARE))
        for one in order
    ]
