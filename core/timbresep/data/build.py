"""From recipes to tracks: the sources that one or many instruments train on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from timbresep.data import recipe as recipes
from timbresep.data.recipe import Recipe, RenderedSpec, Spec
from timbresep.data.rendering import scores
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.sampler import find_recordings
from timbresep.data.rendering.tracks import plan_tracks, render_tracks
from timbresep.data.sources.discover import InstrumentLike, discover, stem_names
from timbresep.data.sources.listing import Listing
from timbresep.data.sources.prepared import prepare
from timbresep.data.track import Split, Track, sides
from timbresep.data.user_cache import default_cache
from timbresep.errors import DataError, UnknownNameError, nearest

__all__ = ["build_tracks", "list_sources", "on_one_side", "render_set", "stem_names"]

log = logging.getLogger(__name__)

TOLD = 5  # problems of one dataset that are told one by one


def build_tracks(
    instruments: Sequence[InstrumentLike],
    everyone: Sequence[InstrumentLike] = (),
    source_names: Sequence[str] | None = None,
    data_roots: Mapping[str, Path] | None = None,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Track]:
    """The tracks of all sources that the instruments' recipes use, each source once.

    Tracks that cannot be used are left out and told of.

    Args:
        instruments: the instruments to separate.
        everyone: all instruments at hand: their stems are named after them, and those with the
            same rendered source accompany.
        source_names: sources to use instead of each recipe's `use`.
        data_roots: source name → folder of tracks, in place of a recipe's or beside them; a
            folder whose name no recipe knows needs no entry in `source_names`.
        cache: folder of rendered and prepared tracks and parsed scores (default:
            `default_cache()`).
        progress: told how many of how many tracks of a source are rendered or prepared.

    Raises:
        UnknownNameError: a source that no recipe has.
        DataError: a folder cannot be used; two instruments claim one stem name.
        MissingToolError: a source needs a program, soundfont or package.
    """
    cache = cache or default_cache()

    def render(source: str, owners: Sequence[str], known: Mapping[str, Recipe]) -> Path:
        return _render(source, owners, known, cache, progress)

    tracks: list[Track] = []
    for listing in discover(instruments, everyone, source_names, data_roots, render):
        listing.check_any()
        usable = prepare(listing, cache, workers(), progress)
        tell_problems(listing)
        if not usable:
            raise DataError(f"{listing.location.root}: no usable track; {listing.problems[-1]}")
        tracks += usable
    return on_one_side(tracks)


def list_sources(
    instruments: Sequence[InstrumentLike],
    everyone: Sequence[InstrumentLike] = (),
    source_names: Sequence[str] | None = None,
    data_roots: Mapping[str, Path] | None = None,
    cache: Path | None = None,
) -> list[Listing]:
    """What `build_tracks` would find, without rendering or preparing; arguments as there."""
    cache = cache or default_cache()

    pending: dict[str, str] = {}

    def rendered(source: str, owners: Sequence[str], known: Mapping[str, Recipe]) -> Path:
        root = _rendered_root(source, owners, known, cache)
        if not root.is_dir():
            tracks = _size(source, owners, known)[0]
            pending[source] = (
                f"{tracks} tracks to train on are rendered by `data prepare` or `train`"
            )
        return root

    listings = discover(instruments, everyone, source_names, data_roots, rendered)
    for listing in listings:
        if listing.source in pending and not listing.location.root.is_dir():
            listing.pending = pending[listing.source]
            listing.problems.clear()
    return listings


def tell_problems(listing: Listing) -> None:
    """Log the first problems of a dataset and how many there are."""
    for problem in listing.problems[:TOLD]:
        log.warning("%s: %s", listing.source, problem)
    if len(listing.problems) > TOLD:
        log.warning(
            "%s: %d more problems, %d tracks skipped in all; `data check` lists them",
            listing.source,
            len(listing.problems) - TOLD,
            listing.skipped,
        )


def on_one_side(tracks: Sequence[Track]) -> list[Track]:
    """Tracks with each piece on one side of the split, as `sides` has it."""
    side = sides((track.piece, track.split) for track in tracks)
    placed = [replace(track, split=side[track.piece]) for track in tracks]
    moved = sum(a.split != b.split for a, b in zip(tracks, placed, strict=True))
    if moved:
        log.info("%d tracks moved so that no piece is on two sides of the split", moved)
    return placed


def render_set(
    instruments: Sequence[InstrumentLike],
    source: str,
    split: Split,
    count: int,
    out: Path,
    *,
    seconds: tuple[float, float] = (20.0, 30.0),
    soundfont: str | None = None,
    samples: Path | None = None,
    licence: str | None = None,
    seed: int = 0,
    detune: float = 0.0,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render one set of tracks, for evaluation or for a larger training set.

    Args:
        instruments: who plays; those without the source are left out.
        source: a source of kind `rendered` in their recipes.
        split: the side of the split whose pieces are played.
        count: number of tracks.
        out: folder of tracks, in the layout that `stems` sources read.
        seconds: shortest and longest track.
        soundfont: play everything with this one. With the same other arguments the notes are the
            same, and so are the programs that the recipes don't say it lacks, so that sound sources
            can be compared.
        samples: play everything with recorded notes instead: a folder for each instrument.
        licence: terms of the recorded notes.
        seed: of pieces, casts and performances.
        detune: bound in cents of what each player of a soundfont is out of tune.
        cache: folder of parsed scores.
        progress: told how many of how many tracks are rendered.
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
    recordings = find_recordings(samples, list(players), licence) if samples else None
    cache = cache or default_cache()
    library = scores.chorales(cache)
    parts = max(spec.parts for recipe in known.values() if (spec := _spec(recipe, source)))
    plans = plan_tracks(library, list(players), split, count, seconds, parts, seed, detune)
    return render_tracks(plans, players, out, soundfont, workers(), progress, recordings, cache)


def _render(
    source: str,
    owners: Sequence[str],
    known: Mapping[str, Recipe],
    cache: Path,
    progress: Callable[[int, int], None] | None,
) -> Path:
    """Render a source for all instruments that have it, and return the folder of its tracks."""
    players = players_of(source, known)
    count, seconds, parts = _size(source, owners, known)
    root = _rendered_root(source, owners, known, cache)
    library = scores.chorales(cache)
    held_out = max(4, count // 10)
    plans = plan_tracks(library, list(players), "train", count, (0.8 * seconds, seconds), parts)
    plans += plan_tracks(library, list(players), "valid", held_out, (20.0, 30.0), parts)
    plans += plan_tracks(library, list(players), "test", held_out, (20.0, 30.0), parts)
    render_tracks(plans, players, root, workers=workers(), progress=progress, cache=cache)
    return root


def _size(
    source: str, owners: Sequence[str], known: Mapping[str, Recipe]
) -> tuple[int, float, int]:
    """Tracks, longest track in seconds and players in a track of a rendered source."""
    specs = [spec for name in owners if (spec := _spec(known[name], source))]
    return (
        max(spec.tracks for spec in specs),
        max(spec.seconds for spec in specs),
        max(spec.parts for spec in specs),
    )


def _rendered_root(
    source: str, owners: Sequence[str], known: Mapping[str, Recipe], cache: Path
) -> Path:
    """The folder of a rendered source's tracks, whose name follows from what is in them."""
    players = players_of(source, known)
    _, seconds, parts = _size(source, owners, known)
    described = {
        name: [
            player.voice.model_dump(),
            *(font.model_dump(exclude_none=True) for font in player.soundfonts),
        ]
        for name, player in players.items()
    }
    key = hashlib.sha256(json.dumps([described, seconds, parts], sort_keys=True).encode())
    return cache / "rendered" / f"{source}-{key.hexdigest()[:12]}"


def players_of(source: str, known: Mapping[str, Recipe]) -> dict[str, Player]:
    """Everyone whose recipe has this rendered source.

    Raises:
        UnknownNameError: nobody has it.
        DataError: one instrument alone has it.
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


def workers() -> int:
    """Threads that render and prepare."""
    return max(1, min(8, os.cpu_count() or 1))


def _spec(recipe: Recipe, source: str) -> RenderedSpec | None:
    spec: Spec | None = recipe.sources.get(source)
    return spec if isinstance(spec, RenderedSpec) else None
