"""The tracks in a folder, as an evaluation reads them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from timbresep.data.build import workers
from timbresep.data.recipe import DatasetSpec
from timbresep.data.sources.found import Kind, Place, audio_in, folders_in
from timbresep.data.sources.listing import list_tracks
from timbresep.data.sources.prepared import prepare
from timbresep.data.sources.stem_folders import NOT_STEMS
from timbresep.data.sources.stems import StemsSource
from timbresep.data.sources.survey import look_into, stem_names
from timbresep.data.track import SUFFIXES, Split, Track
from timbresep.data.user_cache import default_cache
from timbresep.errors import AudioError, ConfigError, DataError, TimbresepError
from timbresep.formats.text import shown
from timbresep.instrument import Instrument

log = logging.getLogger(__name__)

PUBLISHED = get_args(DatasetSpec.model_fields["kind"].annotation)


@dataclass(frozen=True)
class Tracks:
    """Which tracks to score.

    Attributes:
        root, source, split: as for `tracks_in`.
        limit: only the first tracks.
    """

    root: Path
    source: str = ""
    split: Split | None = None
    limit: int | None = None


Skip = Callable[[str, TimbresepError], None]
"""Told the name of a track that cannot be used, and why."""


def named_folder(text: str) -> tuple[str, Path]:
    """Source and folder in ``[NAME=]FOLDER``; the source is empty when none is named."""
    source, sign, folder = text.partition("=")
    if not sign or Path(text).is_dir():
        return "", Path(text)
    return source, Path(folder)


def tracks_in(
    root: Path,
    instruments: Sequence[Instrument],
    split: Split | None = None,
    skip: Skip | None = None,
    source: str = "",
) -> list[Track]:
    """The tracks in a folder of stem folders or in a dataset, their stems named by instrument.

    A file named ``mixture`` or ``mix`` beside the stems is what is separated; without it, their
    sum is. The folder may have sides of a split in it, as MUSDB18-HQ has. Of other datasets, what
    has to be decoded or summed is written into the cache.

    Args:
        root: ``<root>/[train|valid|test/]<track>/<instrument or alias>.(wav|flac|ogg)``, or a
            dataset that lies as its adapter in `timbresep.data.sources` expects it.
        instruments: whose names and aliases stems may have.
        split: only the tracks on this side of the split.
        skip: told of bad tracks, which are left out; without it, the first one is an error.
        source: a source of the recipes: the folder is read as they say that it is.

    Raises:
        DataError: no track, none on that side, or stems that do not fit together.
        AudioError, ConfigError: a stem or a `track.yaml` that cannot be read.
        UnknownNameError: no recipe has the source.
        MissingToolError: a dataset's files need a program that is not installed.
    """
    names: Mapping[str, str] = stem_names(instruments)
    if source or (root.is_dir() and not _has_stem_folders(root)):
        kind, place = look_into(root, instruments, source)
        if kind.name in PUBLISHED:
            return _published(kind, place, split, skip)
        names = place.naming.names
    found: dict[str, Track] = {}
    skipped = 0
    for side, folder in _sides(root):
        stems = StemsSource(folder, names)
        for where in stems.folders():
            try:
                track = stems.track(where)
                if track is None and audio_in(where):
                    raise DataError(f"{where}: a mixture without stems", "add them, or remove it")
                if track is not None and track.name in found:
                    raise DataError(f"{where}: another track has this name", "rename one of them")
            except (AudioError, ConfigError, DataError) as error:
                if skip is None:
                    raise
                skip(shown(where.name), error)
                skipped += 1
                continue
            if track is not None:
                found[track.name] = replace(track, split=side or track.split)
    chosen = [track for track in found.values() if split in (None, track.split)]
    if found and not chosen:
        raise DataError(f"{root}: none of its {len(found)} tracks is on the side '{split}'")
    if not chosen:
        raise DataError(
            f"{root}: none of its {skipped} tracks can be used" if skipped else f"{root}: no track",
            "expected <folder>/<track>/<instrument>.wav, .flac or .ogg",
        )
    return chosen


def _published(kind: Kind, place: Place, split: Split | None, skip: Skip | None) -> list[Track]:
    """The tracks that the adapter of a published dataset finds; errors as `tracks_in`."""
    listing = list_tracks(kind.name, kind, place)
    total = len(listing.tracks)
    listing.tracks = [track for track in listing.tracks if split in (None, track.found.split)]
    if total and not listing.tracks:
        raise DataError(f"{place.root}: none of its {total} tracks is on the side '{split}'")
    tracks = prepare(listing, default_cache(), workers())
    for problem in listing.problems:
        error = DataError(f"{problem.where}: {problem.text}")
        if not problem.skipped:
            log.warning("%s", error)
        elif skip is None:
            raise error
        else:
            skip(problem.where, error)
    if not tracks:
        raise DataError(f"{place.root}: no track of it can be used", f"expected {kind.layout}")
    return tracks


def _has_stem_folders(root: Path) -> bool:
    return any(
        path.stem.lower() not in NOT_STEMS
        for _, folder in _sides(root)
        for track in folders_in(folder)
        for path in audio_in(track)
    )


def _sides(root: Path) -> Iterator[tuple[Split | None, Path]]:
    """The folders of tracks in a root, and the side of the split that each stands for."""
    sides = [(side, root / side) for side in get_args(Split) if (root / side).is_dir()]
    # a track, too, may have the name of a side
    sides = [
        pair for pair in sides if not any(p.suffix.lower() in SUFFIXES for p in pair[1].iterdir())
    ]
    yield from sides or [(None, root)]
