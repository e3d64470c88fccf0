"""The condition of a few recorded notes, heard as they are: no model is trained on them.

It takes seconds, where a plugin with a voice of its own takes minutes (`voice.few_notes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.condition import vector as conditioner
from timbresep.condition.heard_tones import RATE, shares
from timbresep.condition.note_detection import FEWEST, SoloNotes, listen, settle_octave
from timbresep.condition.tone_table import Array, ToneTable
from timbresep.ddsp.features import FRAME_RATE, HOP, VOICED, extract
from timbresep.errors import DataError

WINDOW = RATE // 2  # samples that are looked at
ONSET, END = 0.1, 0.9  # seconds of a note between which it is looked at
STRIDE = 12  # frames, 48 ms, from one look to the next
RANGE_DB = 30.0  # below the loudest frame, notes have died away


def from_files(files: Sequence[Path], version: int = conditioner.CONDITION_VERSION) -> Array:
    """Listen to recordings of an instrument alone and give its condition.

    Args:
        files: notes or passages, one note at a time; at least three different pitches.
        version: of the condition.

    Returns:
        (length(version),) float32.

    Raises:
        DataError: the recordings cannot serve; says which and why.
        AudioError: a recording that cannot be read.
        MissingToolError: the pitch tracker is not installed.
    """
    return conditioner.condition(tones(listen(files)), version=version)


def tones(heard: SoloNotes) -> ToneTable:
    """What solo notes sound like: one tone for each pitch heard, of whatever loudness.

    Args:
        heard: from `timbresep.condition.note_detection.listen`.

    Raises:
        DataError: fewer than three of the notes are held long enough.
    """
    found: dict[int, list[tuple[Array, Array]]] = {round(note): [] for note in heard.notes}
    for wave in heard.audio.values():
        for note, look, f0_hz in _looks(wave, heard.f0_range):
            if note in found:
                found[note].append(shares(look, f0_hz))
    notes = sorted(note for note, heard_of_note in found.items() if heard_of_note)
    if len(notes) < FEWEST:
        raise DataError(
            f"only {len(notes)} of {len(found)} notes are held long enough to be measured",
            f"give at least {FEWEST} notes of a second each",
        )
    mean = [np.mean([part for part, _ in found[note]], axis=0) for note in notes]
    noise = [np.mean([part for _, part in found[note]], axis=0) for note in notes]
    return ToneTable(
        np.asarray(notes, dtype=np.float32),
        np.zeros(1, dtype=np.float32),
        np.stack(mean)[None].astype(np.float32),
        np.stack(noise)[None].astype(np.float32),
    )


def _looks(wave: Array, f0_range: tuple[float, float]) -> Iterator[tuple[int, Array, float]]:
    """Steady parts of notes: MIDI number, audio, and fundamental in Hz of each."""
    found = extract(wave, RATE, f0_range)
    loud = found.loudness_db > found.loudness_db.max() - RANGE_DB
    frames = np.flatnonzero(loud & (found.f0_confidence >= VOICED))
    if not frames.size:
        return
    settled, _, _ = settle_octave(wave, frames, found.f0_hz[frames])
    midi = np.rint(69 + 12 * np.log2(settled / 440)).astype(int)
    for run in _runs(frames, midi):
        since = (frames[run] - frames[run[0]]) / FRAME_RATE
        for k in run[(since >= ONSET) & (since <= END)][::STRIDE]:
            start = int(frames[k]) * HOP - WINDOW // 4
            if start >= 0 and start + WINDOW <= len(wave):
                yield int(midi[k]), wave[start : start + WINDOW], float(settled[k])


def _runs(frames: NDArray[np.intp], midi: NDArray[np.int_]) -> list[NDArray[np.intp]]:
    """Places that belong to one note each: frames in a row, at one pitch."""
    cuts = np.flatnonzero((np.diff(frames) > 1) | (np.diff(midi) != 0)) + 1
    return np.split(np.arange(len(frames)), cuts)
