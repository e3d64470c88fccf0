"""How far notes agree with true ones, frame by frame and note by note.

Notes are compared by `mir_eval`: this is the one file that imports it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from math import ceil

import numpy as np
from numpy.typing import NDArray

from timbresep.notes.score import Note

FRAME_S = 0.01
"""Seconds from one frame to the next; the first is at second 0."""

ONSET_S = 0.05
"""Seconds by which a note may begin too early or too late."""

END_SHARE, END_S = 0.2, 0.05
"""It may end too early or too late by this share of the true note, or by so many seconds: what is
more."""

LEVELS = ("frame", "note", "offset")
"""Frames; notes that begin in time; notes that begin and end in time."""

KEYS = tuple(f"{level}_{score}" for level in LEVELS for score in ("precision", "recall", "f"))
"""The scores of `agreement`."""

DIGITS = 6
"""Decimals of a second that count: what adding up times leaves beyond them does not."""

Agreement = Mapping[str, float]


def agreement(true: Sequence[Note], heard: Sequence[Note]) -> Agreement:
    """All scores of `KEYS`, 0 to 1, of what was heard; pitches are compared as semitones.

    *Frames*: of the pairs of frame and pitch that sound, as in MIREX's multiple-F0 estimation.
    *Notes*: a true and a heard note of one pitch agree if they begin within `ONSET_S`, and, for
    `offset`, end alike; each has one partner at most. Precision is the share of what was heard that
    is true, recall that of what is true that was heard, F their harmonic mean. Without anything
    true or anything heard they are 0.

    Source: Bay, Ehmann and Downie, "Evaluation of multiple-F0 estimation and tracking systems",
    ISMIR 2009; Raffel et al., "mir_eval", ISMIR 2014.
    """
    return {
        **frame_agreement(true, heard),
        **_scores("note", notes_in_common(true, heard), len(true), len(heard)),
        **_scores("offset", notes_in_common(true, heard, ends=True), len(true), len(heard)),
    }


def frame_agreement(true: Sequence[Note], heard: Sequence[Note]) -> Agreement:
    """The scores of frames alone."""
    return _scores("frame", frames_in_common(true, heard), _frames(true), _frames(heard))


def frames_in_common(true: Sequence[Note], heard: Sequence[Note]) -> int:
    """How many pairs of frame and pitch sound in both."""
    ours, theirs = _by_pitch(true), _by_pitch(heard)
    count = 0
    for pitch in ours.keys() & theirs.keys():
        length = max(_last(ours[pitch]), _last(theirs[pitch]))
        both = _sounding(ours[pitch], length) & _sounding(theirs[pitch], length)
        count += int(np.count_nonzero(both))
    return count


def notes_in_common(true: Sequence[Note], heard: Sequence[Note], *, ends: bool = False) -> int:
    """How many notes agree; with `ends`, how many end alike, too."""
    from mir_eval.transcription import match_notes

    ours, theirs = _by_pitch(true), _by_pitch(heard)
    match: Callable[..., list[tuple[int, int]]] = match_notes
    return sum(
        len(
            match(
                _intervals(ours[pitch]),
                np.ones(len(ours[pitch])),  # one frequency: they have one pitch
                _intervals(theirs[pitch]),
                np.ones(len(theirs[pitch])),
                onset_tolerance=ONSET_S,
                offset_ratio=END_SHARE if ends else None,
                offset_min_tolerance=END_S,
            )
        )
        for pitch in ours.keys() & theirs.keys()
    )


def together(parts: Iterable[Sequence[Note]]) -> list[Note]:
    """The notes of several parts as one set: of those that begin at one pitch within `ONSET_S`
    there is one, as long as the longest."""
    found: list[Note] = []
    for notes in _by_pitch([note for part in parts for note in part]).values():
        last: Note | None = None
        for note in sorted(notes, key=lambda note: note.start):
            if last is not None and note.start - last.start <= ONSET_S:
                found.pop()
                note = Note(last.start, max(last.end, note.end), last.pitch, last.velocity)
            found.append(note)
            last = note
    return sorted(found, key=lambda note: (note.start, note.pitch))


def mir_eval_version() -> str:
    """The version that is installed."""
    return version("mir_eval")


def _scores(level: str, common: int, true: int, heard: int) -> Agreement:
    return {
        f"{level}_precision": common / max(heard, 1),
        f"{level}_recall": common / max(true, 1),
        f"{level}_f": 2 * common / max(true + heard, 1),
    }


def _frames(notes: Sequence[Note]) -> int:
    """How many pairs of frame and pitch sound."""
    pitches = _by_pitch(notes).values()
    return sum(int(np.count_nonzero(_sounding(each, _last(each)))) for each in pitches)


def _by_pitch(notes: Iterable[Note]) -> dict[int, list[Note]]:
    found: dict[int, list[Note]] = defaultdict(list)
    for note in notes:
        found[round(note.pitch)].append(note)
    return found


def _sounding(notes: Sequence[Note], length: int) -> NDArray[np.bool_]:
    """Whether one of these notes sounds in each of so many frames."""
    row = np.zeros(length, np.bool_)
    for note in notes:
        row[_frame(note.start) : _frame(note.end)] = True
    return row


def _last(notes: Sequence[Note]) -> int:
    """Number of the frame in which all have ended."""
    return max(_frame(note.end) for note in notes)


def _frame(second: float) -> int:
    """The first frame from a second on."""
    return max(0, ceil(round(second / FRAME_S, DIGITS)))


def _intervals(notes: Sequence[Note]) -> NDArray[np.float64]:
    return np.array([(max(0.0, note.start), note.end) for note in notes], np.float64)
