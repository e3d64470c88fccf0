"""From the notes of a score and a recording to an alignment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
import torch

from timbresep import audio
from timbresep.errors import DataError
from timbresep.notes.alignment import features
from timbresep.notes.alignment.agreement import agreeing, confidence_of
from timbresep.notes.alignment.features import Array
from timbresep.notes.alignment.refinement import Times, onsets_of, refine
from timbresep.notes.alignment.result import GRACE_S, Alignment
from timbresep.notes.alignment.semitones import FRAMES_PER_S, Levels, levels_of
from timbresep.notes.alignment.warping import Path, warp
from timbresep.notes.score import Note, StemNotes
from timbresep.tuning import tuning_of_blocks

LEAST_AGREEMENT = 0.75
"""Between scores of other pieces and those of the recording; see `benchmarks/alignment.py`."""
LEAST_FOUND = 0.2  # of the shorter one of score and recording
NEAR_CENTS = 60.0  # a key so near is the score's own, out of tune
KEYS = (0, -1, 1, -2, 2)  # semitones that a recording may be above the score
CERTAIN = 0.1  # of the tuning: notes are known, so that a weak hint is worth more than none
BLOCK = 65_536  # samples
COARSE_FRAMES = 1500  # of the longer side, when keys are compared


def align(
    stems: Sequence[StemNotes],
    recording: FilePath | Array,
    rate: int = 0,
    *,
    anyway: bool = False,
) -> Alignment:
    """Find the notes of a score in a recording.

    Args:
        stems: notes in score time, of all parts; those of unpitched ones are not looked for.
        recording: a file, or a waveform ``(channels, samples)``.
        rate: of the waveform, in Hz.
        anyway: do not refuse a score that seems to be that of another piece.

    Raises:
        DataError: no notes with a pitch; or the score is of another piece.
        AudioError: the file cannot be read.
    """
    notes = [note for stem in stems if stem.pitched for note in stem.notes]
    if not notes:
        raise DataError("the score has no notes with a pitch to align", "give another score")
    name = str(recording) if isinstance(recording, FilePath) else "the recording"
    blocks, rate = _opened(recording, rate)
    tuning = tuning_of_blocks((torch.from_numpy(block) for block in blocks()), rate, CERTAIN)
    levels = levels_of(blocks(), rate, tuning)
    heard = features.of_levels(levels)
    key, written = _in_key(notes, heard)
    path = warp(written, heard)
    agrees = agreeing(written, heard, path)
    agreement = _agreement(agrees, path, min(len(written), len(heard)))
    times, groups = _onsets(_moved(notes, key), path)
    if not groups or (agreement < LEAST_AGREEMENT and not anyway):
        raise DataError(
            f"{name}: the score seems to be of another piece: its notes fit {agreement:.0%} of the "
            f"time (cost {path.costs.mean():.2f}), and {LEAST_AGREEMENT:.0%} is the least",
            "give the score of this recording; if it is that, use --anyway",
        )
    times, sounding = _knots(times, groups, path, levels)
    if key and abs(100 * key + tuning) <= NEAR_CENTS:
        key, tuning = 0, 100 * key + tuning
    seconds = math.ceil(levels.seconds)
    return Alignment(
        written=times,
        sounding=sounding,
        begin=float(path.rows[0] / FRAMES_PER_S),
        end=float(path.rows[-1] / FRAMES_PER_S),
        duration=levels.seconds,
        confidence=confidence_of(agrees, path, seconds),
        agreement=agreement,
        cost=float(path.costs.mean()),
        transposition=key,
        tuning=tuning,
    )


def _opened(recording: FilePath | Array, rate: int) -> tuple[Callable[[], Iterator[Array]], int]:
    """What gives a recording's blocks, each time it is called, and the rate."""
    if isinstance(recording, FilePath):
        return lambda: audio.read_blocks(recording), audio.info(recording).rate
    if rate <= 0:
        raise ValueError("a waveform needs its rate in Hz")
    starts = range(0, recording.shape[1], BLOCK)
    return lambda: (recording[:, start : start + BLOCK] for start in starts), rate


def _moved(notes: Sequence[Note], semitones: int) -> list[Note]:
    """Notes transposed."""
    return [replace(note, pitch=note.pitch + semitones) for note in notes]


def _in_key(notes: Sequence[Note], heard: Array) -> tuple[int, Array]:
    """The key, in semitones above the score, in which it fits a recording best; its vectors."""
    seconds = max(note.end for note in notes)
    longest = max(len(heard), math.ceil(seconds * FRAMES_PER_S))
    factor = max(1, math.ceil(longest / COARSE_FRAMES))
    coarse = features.shrunk(heard, factor)

    def cost(key: int) -> float:
        written = features.of_notes(_moved(notes, key), seconds)
        return warp(features.shrunk(written, factor), coarse).total

    key = min(KEYS, key=cost)
    return key, features.of_notes(_moved(notes, key), seconds)


def _agreement(agrees: Array, path: Path, shorter: int) -> float:
    """Share of the path's pairs that agree; 0 for a path through too little of either side."""
    found = min(np.ptp(path.rows), np.ptp(path.columns)) + 1
    if found < LEAST_FOUND * shorter or np.isnan(agrees).all():
        return 0.0
    return float(np.nanmean(agrees))


def _onsets(notes: Sequence[Note], path: Path) -> tuple[Times, list[list[Note]]]:
    """The score's onsets that a path holds, in seconds of the score, and the notes of each."""
    first, last = path.rows[[0, -1]] / FRAMES_PER_S
    return onsets_of([n for n in notes if first - GRACE_S <= n.start <= last + GRACE_S])


def _knots(
    times: Times, groups: Sequence[Sequence[Note]], path: Path, levels: Levels
) -> tuple[Times, Times]:
    """Seconds of onsets and of the path's end, in the score and in the recording."""
    rows, places = np.unique(path.rows, return_inverse=True)
    columns = np.bincount(places, weights=path.columns) / np.bincount(places)  # their means
    expected = np.interp(times * FRAMES_PER_S, rows, columns) / FRAMES_PER_S
    sounding = refine(expected, groups, levels)
    last, end = path.rows[-1] / FRAMES_PER_S, path.columns[-1] / FRAMES_PER_S
    if last > times[-1] and end > sounding[-1]:
        times, sounding = np.append(times, last), np.append(sounding, end)
    return times, sounding
