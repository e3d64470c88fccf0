"""The labels of MusicNet: a table of the notes of a recording, one a row."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from timbresep.errors import DataError
from timbresep.notes.notation_text import LARGEST_TEXT
from timbresep.notes.score import Note, Part, Score

COLUMNS = ("start_time", "end_time", "instrument", "note")
RATE = 44_100  # of the times, which are samples
PROGRAMS = KEYS = 128
EXPECTED = "expected MusicNet's labels"


def read_labels(path: Path) -> Score:
    """The notes of a recording, a part for each General MIDI program: `program 40` and so on.

    J. Thickstun et al., "Learning Features of Music from Scratch", ICLR 2017.

    Args:
        path: CSV with the columns `start_time` and `end_time` in samples at 44.1 kHz, `instrument`,
            a General MIDI program counted from 1, and `note`, a MIDI number; others may be there.

    Raises:
        DataError: it cannot be read, is no such table, or holds no notes.
    """
    rows = csv.DictReader(io.StringIO(_text(path), newline=""))
    notes: dict[int, list[Note]] = {}
    try:
        if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
            raise DataError(f"{path}: no column {', '.join(missing)}", EXPECTED)
        for row in rows:
            start, end, instrument, pitch = (int(row[name]) for name in COLUMNS)
            if not (0 <= start < end and 1 <= instrument <= PROGRAMS and 0 <= pitch < KEYS):
                raise ValueError
            notes.setdefault(instrument - 1, []).append(Note(start / RATE, end / RATE, pitch))
    except (ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path}, line {rows.line_num}: no note", EXPECTED) from error
    if not notes:
        raise DataError(f"{path} holds no notes")
    parts = (
        Part(f"program {program}", tuple(sorted(each, key=lambda n: (n.start, n.pitch))), program)
        for program, each in sorted(notes.items())
    )
    return Score(tuple(parts))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1)
        if len(data) > LARGEST_TEXT:
            raise DataError(f"{path}: larger than {LARGEST_TEXT >> 20} MiB", EXPECTED)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}", EXPECTED) from error
    except UnicodeError as error:
        raise DataError(f"{path}: no text", EXPECTED) from error
