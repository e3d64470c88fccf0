"""The kinds of datasets there are, and which of them a folder looks like."""

from __future__ import annotations

from timbresep.data.sources import (
    instrument_folders,
    medleydb,
    moisesdb,
    musdb18,
    musicnet,
    slakh,
    stem_folders,
)
from timbresep.data.sources.adapter import Kind, Location
from timbresep.errors import DataError

# In the order in which a folder is compared with them: the most particular first.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        musdb18.KIND,
        medleydb.KIND,
        moisesdb.KIND,
        slakh.KIND,
        musicnet.KIND,
        instrument_folders.KIND,
        stem_folders.KIND,
        instrument_folders.SOLOS,
    )
}


def kind_of(location: Location) -> Kind:
    """What a folder looks like.

    Raises:
        DataError: there is no such folder, or nothing in it looks like a dataset.
    """
    if not location.root.is_dir():
        raise DataError(
            f"{location.root}: no such folder of tracks", f"expected {stem_folders.KIND.layout}"
        )
    for kind in KINDS.values():
        if kind.matches(location):
            return kind
    raise DataError(f"{location.root}: no track in it", f"expected {stem_folders.KIND.layout}")
