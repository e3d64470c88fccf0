"""From recipes to tracks: the sources that one or many instruments train on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from timbresep.data.recipe import Recipe
from timbresep.data.rendering.sets import render_source, rendered_root, size_of
from timbresep.data.sources.discover import InstrumentLike, discover
from timbresep.data.sources.listing import Listing
from timbresep.data.sources.prepared import prepare
from timbresep.data.threads import workers
from timbresep.data.track import Track, sides
from timbresep.data.user_cache import default_cache
from timbresep.errors import DataError
from timbresep.running.progress import CountDone

log = logging.getLogger(__name__)

TOLD = 5  # problems of one dataset that are logged one by one


def build_tracks(
    instruments: Sequence[InstrumentLike],
    everyone: Sequence[InstrumentLike] = (),
    source_names: Sequence[str] | None = None,
    data_roots: Mapping[str, Path] | None = None,
    *,
    mixed: bool = False,
    progress: CountDone | None = None,
) -> list[Track]:
    """The tracks of all sources that the instruments' recipes use, each source once.

    Tracks that cannot be used are left out and logged.

    Args:
        instruments: the instruments to separate.
        everyone: all instruments at hand: their stems are named after them, and those with the
            same rendered source accompany.
        source_names: sources to use instead of each recipe's `use`.
        data_roots: source name → folder of tracks, in place of a recipe's or beside them; a
            folder whose name no recipe knows needs no entry in `source_names`.
        mixed: also tracks whose stems are not apart.
        progress: called with how many of how many tracks of a source are rendered or prepared.

    Raises:
        UnknownNameError: a source that no recipe has.
        DataError: a folder cannot be used; two instruments claim one stem name.
        MissingToolError: a source needs a program, soundfont or package.
    """
    cache = default_cache()

    def render(source: str, owners: Sequence[str], known: Mapping[str, Recipe]) -> Path:
        return render_source(source, owners, known, cache, progress)

    tracks: list[Track] = []
    for listing in discover(instruments, everyone, source_names, data_roots, render):
        listing.check_any()
        usable = prepare(listing, cache, workers(), progress)
        tell_problems(listing)
        if not usable:
            raise DataError(f"{listing.location.root}: no usable track; {listing.problems[-1]}")
        tracks += usable
    return on_one_side(tracks if mixed else _apart(tracks))


def list_sources(
    instruments: Sequence[InstrumentLike],
    everyone: Sequence[InstrumentLike] = (),
    source_names: Sequence[str] | None = None,
    data_roots: Mapping[str, Path] | None = None,
) -> list[Listing]:
    """What `build_tracks` would find, without rendering or preparing; arguments as there."""
    pending: dict[str, str] = {}

    def rendered(source: str, owners: Sequence[str], known: Mapping[str, Recipe]) -> Path:
        root = rendered_root(source, owners, known, default_cache())
        if not root.is_dir():
            tracks = size_of(source, owners, known).tracks
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


def _apart(tracks: Sequence[Track]) -> list[Track]:
    """The tracks whose stems are apart."""
    apart = [track for track in tracks if not track.mixed]
    if left := len(tracks) - len(apart):
        log.warning("%d tracks are left out: they have notes, but no stems", left)
    return apart


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
