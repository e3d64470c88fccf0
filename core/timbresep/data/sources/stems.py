"""A folder of stem folders as tracks, taken at its word: the first fault is an error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from timbresep.data.sources import stem_folders
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.listing import list_tracks
from timbresep.data.sources.naming import Naming
from timbresep.data.sources.prepared import prepare
from timbresep.data.track import Track
from timbresep.data.user_cache import default_cache


def read_stems(
    root: Path, names: Mapping[str, str] | None = None, *, licence: str = "unknown"
) -> list[Track]:
    """All tracks in a folder of stem folders, in the order of their names.

    Several stems of one instrument are summed, into the cache.

    Args:
        root: the folder of tracks.
        names: other stem names → instrument name. A stem that is neither an instrument nor one of
            these keeps its own name and serves as accompaniment.
        licence: terms of the audio where a track states none.

    Raises:
        DataError: no folder or no track in it; a track whose stems or mixture differ in length or
            rate (the file is named).
        AudioError: a stem is not readable audio.
        ConfigError: a `track.yaml` is not valid.
    """
    location = Location(root, Naming(names or {}), licence)
    listing = list_tracks("stems", stem_folders.KIND, location, strict=True)
    listing.check_all()
    tracks = prepare(listing, default_cache())
    listing.check_all()
    return tracks
