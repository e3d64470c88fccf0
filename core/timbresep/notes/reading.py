"""Reading a score from a file: MIDI with mido, notation with music21."""

from __future__ import annotations

import math
from pathlib import Path

from timbresep.errors import DataError
from timbresep.notes.notation_text import LARGEST_TEXT, decode, unpack
from timbresep.notes.score import Score

KINDS = {
    ".mid": "midi",
    ".midi": "midi",
    ".musicxml": "musicxml",
    ".xml": "musicxml",
    ".mxl": "musicxml",
    ".krn": "humdrum",
    ".mei": "mei",
}
"""How a score's file is read, by the end of its name."""

LONGEST = 6 * 3600.0
"""Seconds; the longest opera lasts less."""


def read(path: Path, *, repeats: bool = True) -> Score:
    """Read a score: parts of notes, in seconds.

    MIDI is taken as it is played. Notation is played as it is written: at sounding pitch, with
    its tempo marks, ties joined, grace notes before the beat.

    Args:
        path: MIDI (.mid, .midi), MusicXML (.musicxml, .xml, .mxl), Humdrum (.krn) or MEI (.mei).
        repeats: take the repeats, endings and jumps of notation. MIDI has none.

    Raises:
        DataError: it is no score, is damaged, holds no notes, or is larger than music is.
        MissingToolError: notation needs music21, which is not installed.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path} is no score that can be read", f"known: {', '.join(KINDS)}")
    try:
        score = _read(_bytes(path), kind, repeats=repeats)
    except DataError as error:
        raise DataError(f"{path} cannot be read as a score: {error.message}", error.hint) from error
    if not score.parts:
        raise DataError(f"{path} holds no notes")
    if not (math.isfinite(score.duration) and score.duration <= LONGEST):
        hours = f"{score.duration / 3600:.3g} hours"
        raise DataError(f"{path} cannot be read as a score: it lasts {hours}", "at most 6")
    return score


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise DataError(error.strerror or type(error).__name__) from error
    if not data:
        raise DataError("the file is empty")
    if len(data) > LARGEST_TEXT:
        raise DataError(f"it is larger than {LARGEST_TEXT >> 20} MiB")
    return data


def _read(data: bytes, kind: str, *, repeats: bool) -> Score:
    if kind == "midi":
        from timbresep.notes.midi_score import read_midi

        return read_midi(data)
    from timbresep.notes.notation import parse
    from timbresep.notes.written import perform

    text = decode(unpack(data) if data.startswith(b"PK") else data)
    return perform(parse(text, kind), repeats=repeats)
