"""The notes that the instruments of a track play."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.instrument import InstrumentConfig
from timbresep.notes.casting import assign
from timbresep.notes.midi import TRACK_NOTES
from timbresep.notes.reading import read
from timbresep.notes.score import Note

NUMBER = re.compile(r"_\d+$")


def true_notes(track: Track, known: Sequence[InstrumentConfig]) -> dict[str, list[Note]]:
    """Instrument → the notes of all its players, in order of their start.

    A part with the name of a stem's file is that stem; the others are taken for instruments as
    those of any score. Parts without pitch are left out.

    Args:
        track: a track with notes.
        known: what the parts can be taken for.

    Raises:
        DataError: the track has no notes, or they cannot be read.
    """
    if track.notes is None:
        raise DataError(f"track '{track.name}' has no notes", f"give it {TRACK_NOTES}")
    files = {path.stem: NUMBER.sub("", label) for label, path in track.stems.items()}
    found: dict[str, list[Note]] = defaultdict(list)
    for role in assign(read(track.notes), known):
        if role.pitched:
            found[files.get(role.part.name, role.instrument)] += role.part.notes
    return {name: sorted(each, key=lambda note: note.start) for name, each in found.items()}
