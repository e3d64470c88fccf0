"""The condition of an instrument from a few reference recordings, without training a model.

It takes seconds; a plugin with a voice of its own takes minutes (`voice.few_notes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.condition import tone_analysis
from timbresep.condition.note_detection import FEWEST, SoloNotes, detect_notes, settle_octave
from timbresep.condition.tone_analysis import RATE, RecordedNote
from timbresep.condition.tone_table import Array, ToneTable
from timbresep.condition.vector import condition
from timbresep.ddsp.features import HOP, VOICED, extract
from timbresep.errors import DataError
from timbresep.units import hz_to_midi

RANGE_DB = 30.0  # below the loudest frame, notes have died away


def from_files(files: Sequence[Path]) -> Array:
    """Find the notes in recordings of an instrument alone and give its condition.

    Args:
        files: notes or passages, one note at a time; at least three different pitches.

    Returns:
        A condition (dim,) of the current version.

    Raises:
        DataError: the recordings cannot serve; says which and why.
        AudioError: a recording that cannot be read.
        MissingToolError: the pitch tracker is not installed.
    """
    return condition(tones(detect_notes(files)))


def tones(solo: SoloNotes) -> ToneTable:
    """What solo notes sound like: one tone for each pitch found, whatever its loudness.

    Args:
        solo: from `timbresep.condition.note_detection.detect_notes`.

    Raises:
        DataError: fewer than three of the notes are held long enough.
    """
    wanted = {round(note) for note in solo.notes}
    notes = (note for wave in solo.audio.values() for note in _notes(wave, solo.f0_range))
    table = tone_analysis.tones_of(note for note in notes if note.midi in wanted)
    if len(table.pitches) < FEWEST:
        raise DataError(
            f"only {len(table.pitches)} of {len(wanted)} notes are held long enough to be measured",
            f"give at least {FEWEST} notes of a second each",
        )
    return table


def _notes(wave: Array, f0_range: tuple[float, float]) -> Iterator[RecordedNote]:
    """The notes in a recording (samples,) at 16 kHz, each while it is held."""
    found = extract(wave, RATE, f0_range)
    loud = found.loudness_db > found.loudness_db.max() - RANGE_DB
    frames = np.flatnonzero(loud & (found.f0_confidence >= VOICED))
    if not frames.size:
        return
    f0_hz = settle_octave(wave, frames, found.f0_hz[frames]).f0_hz
    midi = np.rint(hz_to_midi(f0_hz)).astype(int)
    for run in _runs(frames, midi):
        first, last = int(frames[run[0]]), int(frames[run[-1]])
        yield RecordedNote(int(midi[run[0]]), wave[first * HOP : (last + 1) * HOP])


def _runs(frames: NDArray[np.intp], midi: NDArray[np.int_]) -> list[NDArray[np.intp]]:
    """Places that belong to one note each: frames in a row, at one pitch."""
    cuts = np.flatnonzero((np.diff(frames) > 1) | (np.diff(midi) != 0)) + 1
    return np.split(np.arange(len(frames)), cuts)
