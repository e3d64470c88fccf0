"""Recordings without stems whose notes are known: a transcriber learns from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from timbresep.data.sources.adapter import Location
from timbresep.data.sources.raw_track import RawTrack, collect
from timbresep.data.track import Written
from timbresep.errors import DataError
from timbresep.notes.score import Score


def scored(track: RawTrack, file: Path, score: Score, location: Location) -> RawTrack:
    """A mixture as a track whose stems are not apart: one for each instrument that plays in it.

    Args:
        track: with its mixture, and without stems.
        file, score: its notes; each part is named as what plays it.
        location: knows the names.

    Raises:
        DataError: a part has no name.
    """
    assert track.mixture is not None  # noqa: S101 (as the caller has found it)
    if any(not part.name for part in score.parts):
        raise DataError(f"{file} has notes in a track without a name", "name it as what plays it")
    parts = [(location.naming(part.name), Written(file, part.name)) for part in score.parts]
    written = collect(dict.fromkeys(parts))
    stems = dict.fromkeys(written, (track.mixture,))
    return replace(track, stems=stems, mixture=None, written=written, mixed=len(stems) > 1)
