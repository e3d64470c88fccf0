"""Sets of tracks that recipes describe: sources of kind `rendered`, and sets made on request."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from timbresep.data import recipe as recipes
from timbresep.data.recipe import Recipe, RenderedSpec, Spec
from timbresep.data.rendering import scores
from timbresep.data.rendering.band import seat
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.plan import TrackSet, plan_tracks
from timbresep.data.rendering.repertoire import library
from timbresep.data.rendering.sampler import find_recordings
from timbresep.data.rendering.tracks import ABOUT, render_tracks
from timbresep.data.sources.discover import InstrumentLike
from timbresep.data.threads import workers
from timbresep.data.user_cache import default_cache
from timbresep.errors import DataError, UnknownNameError, nearest
from timbresep.running.progress import CountDone

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SoundSource:
    """A sound source that plays everything, in place of the recipes' own, to compare sources.

    With the same tracks the notes are the same, and so are the programs that the recipes don't say
    a soundfont lacks.

    Attributes:
        soundfont: a soundfont; or else
        samples: a folder of recorded notes for each instrument.
        licence: terms of the recorded notes.
    """

    soundfont: str | None = None
    samples: Path | None = None
    licence: str | None = None


RECIPES_OWN = SoundSource()


def render_set(
    instruments: Sequence[InstrumentLike],
    source: str,
    tracks: TrackSet,
    out: Path,
    *,
    sounds: SoundSource = RECIPES_OWN,
    progress: CountDone | None = None,
) -> list[Path]:
    """Render one set of tracks, for evaluation or for a larger training set.

    Args:
        instruments: who plays; those without the source are left out.
        source: a source of kind `rendered` in their recipes.
        tracks: what is rendered.
        out: folder of tracks, in the layout that `stems` sources read.
        sounds: what everything is played with, if not with the recipes' soundfonts.
        progress: called with how many of how many tracks are rendered.
    Returns:
        the tracks' folders.
    Raises:
        UnknownNameError: no instrument has the source.
        DataError: only one instrument has it; an instrument has no recorded notes.
        AudioError: a recorded note cannot be read.
        MissingToolError: a soundfont, the program that plays it, or music21 is missing.
    """
    known = {i.name: recipes.load(i.recipe_file) for i in instruments}
    players = players_of(source, known)
    recordings = None
    if sounds.samples:
        recordings = find_recordings(sounds.samples, list(players), sounds.licence)
    cache = default_cache()
    parts = size_of(source, list(players), known).parts
    fonts = [sounds.soundfont] if sounds.soundfont else soundfonts_of(players)
    return render_tracks(
        plan_tracks(library(tracks.music, cache), list(players), parts, tracks),
        partial(seat, players=players, soundfont=sounds.soundfont, recordings=recordings),
        out,
        soundfonts=[] if recordings else fonts,
        workers=workers(),
        progress=progress,
        cache=cache,
    )


def render_source(
    source: str,
    owners: Sequence[str],
    known: Mapping[str, Recipe],
    cache: Path,
    progress: CountDone | None = None,
) -> Path:
    """Render a source of recipes, for all instruments that have it.

    Args:
        source: its name.
        owners: the instruments that train on it.
        known: all recipes.
        cache: folder of rendered tracks and parsed scores.
        progress: called with how many of how many tracks are rendered.
    Returns:
        the folder of its tracks.
    Raises:
        UnknownNameError, DataError, MissingToolError: as `render_set`.
    """
    players = players_of(source, known)
    size = size_of(source, owners, known)
    root = rendered_root(source, owners, known, cache)
    chorales = scores.chorales(cache)
    held_out = max(4, size.tracks // 10)
    sides = (
        TrackSet("train", size.tracks, (0.8 * size.seconds, size.seconds)),
        TrackSet("valid", held_out),
        TrackSet("test", held_out),
    )
    cast = list(players)
    plans = [plan for side in sides for plan in plan_tracks(chorales, cast, size.parts, side)]
    if waiting := sum(not (root / plan.name / ABOUT).is_file() for plan in plans):
        log.info("%s: rendering %d tracks, once, to %s; this takes minutes", source, waiting, root)
    render_tracks(
        plans,
        partial(seat, players=players),
        root,
        soundfonts=soundfonts_of(players),
        workers=workers(),
        progress=progress,
        cache=cache,
    )
    return root


@dataclass(frozen=True)
class Size:
    """How much of a rendered source is made.

    Attributes:
        tracks: number of tracks.
        seconds: longest track.
        parts: players in a track.
    """

    tracks: int
    seconds: float
    parts: int


def size_of(source: str, owners: Sequence[str], known: Mapping[str, Recipe]) -> Size:
    """How much of a rendered source its owners ask for, all together."""
    specs = [spec for name in owners if (spec := _spec(known[name], source))]
    return Size(
        max(spec.tracks for spec in specs),
        max(spec.seconds for spec in specs),
        max(spec.parts for spec in specs),
    )


def rendered_root(
    source: str, owners: Sequence[str], known: Mapping[str, Recipe], cache: Path
) -> Path:
    """The folder of a rendered source's tracks, whose name follows from what is in them."""
    players = players_of(source, known)
    size = size_of(source, owners, known)
    described = {
        name: [
            player.voice.model_dump(),
            *(font.model_dump(exclude_none=True) for font in player.soundfonts),
        ]
        for name, player in players.items()
    }
    text = json.dumps([described, size.seconds, size.parts], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()
    return cache / "rendered" / f"{source}-{key[:12]}"


def players_of(source: str, known: Mapping[str, Recipe]) -> dict[str, Player]:
    """Everyone whose recipe has this rendered source.

    Raises:
        UnknownNameError: no instrument has it.
        DataError: only one instrument has it.
    """
    players = {
        name: Player(name, known[name].voice, tuple(spec.soundfonts))
        for name in sorted(known)
        if (spec := _spec(known[name], source))
    }
    if not players:
        rendered = {s for r in known.values() for s in r.sources if _spec(r, s)}
        raise UnknownNameError(f"no rendered source '{source}'", nearest(source, rendered))
    if len(players) == 1:
        raise DataError(
            f"source '{source}' has only one instrument ({', '.join(players)}) to make music with",
            "add the source to another instrument's recipe",
        )
    return players


def soundfonts_of(players: Mapping[str, Player]) -> list[str]:
    """The soundfonts that players may play."""
    return sorted({font.file for player in players.values() for font in player.soundfonts})


def _spec(recipe: Recipe, source: str) -> RenderedSpec | None:
    spec: Spec | None = recipe.sources.get(source)
    return spec if isinstance(spec, RenderedSpec) else None
