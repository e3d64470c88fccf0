"""What a score and a recording are compared by: semitones that sound, and semitones that begin.

Both become a vector for each 20 ms, of the same kind; the product of two vectors is 1 where they
agree. A score's notes are given overtones, as those of a recording have them.

Source: Ewert, Müller & Grosche, "High resolution audio synchronization using chroma onset
features" (ICASSP 2009); semitones are not folded into one octave here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from timbresep.notes.alignment.semitones import FRAMES_PER_S, LOWEST, SEMITONES, Levels
from timbresep.notes.score import Note

OVERTONES = tuple((round(12 * math.log2(k)), 0.6 ** (k - 1)) for k in range(1, 8))
"""Interval in semitones and strength of each overtone, the fundamental first."""
COMPRESSION, SCORE_COMPRESSION = 300.0, 2.0  # of levels: log(1 + COMPRESSION · level)
NEIGHBOURS = 5  # semitones on each side; their mean is taken away
AFTER, BEFORE = 8, 4  # frames whose mean levels a rise compares
FADE = np.sqrt(1 - np.arange(10) / 10)  # a beginning is seen in so many frames
LOCAL = FRAMES_PER_S  # frames around, in which the strongest beginning counts as 1
FAINTEST = 0.1  # of the strongest: a beginning below is not made to count as 1
ONSETS = 0.25  # share of beginnings in the product of two vectors
FLOOR, ONSET_FLOOR = 0.1, 0.2  # length at which a vector counts half as nothing

Array = NDArray[np.float32]


def of_notes(notes: Sequence[Note], seconds: float) -> Array:
    """Vectors of a score, ``(frames, size)``, of length 1.

    Args:
        notes: of all parts that have a pitch.
        seconds: length of the score.
    """
    shape = max(1, round(seconds * FRAMES_PER_S)), SEMITONES
    sounding, beginning = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for note in notes:
        first = min(round(note.start * FRAMES_PER_S), shape[0] - 1)
        last = max(round(note.end * FRAMES_PER_S), first + 1)
        for interval, strength in OVERTONES:
            semitone = round(note.pitch) + interval - LOWEST
            if 0 <= semitone < SEMITONES:
                sounding[first:last, semitone] += strength
                beginning[first, semitone] += strength
    return _vectors(np.log1p(SCORE_COMPRESSION * sounding), beginning)


def of_levels(levels: Levels) -> Array:
    """Vectors of a recording, as those of a score."""
    scale = COMPRESSION / levels.loudest
    return _vectors(np.log1p(scale * levels.slow), rises(np.log1p(scale * levels.quick)))


def rises(levels: Array, after: int = AFTER, before: int = BEFORE) -> Array:
    """How much higher the mean of the next frames is than that of the last ones, at least 0.

    Args:
        levels: ``(frames, semitones)``.
        after, before: numbers of frames.
    """
    rise = np.empty_like(levels)
    for semitone, level in enumerate(levels.T):  # one by one, which takes less memory
        padded = np.pad(level.astype(np.float64), (before, after), mode="edge")
        sums = np.concatenate([[0], np.cumsum(padded)])
        following = (sums[before + after + 1 :] - sums[before + 1 : -after]) / after
        preceding = (sums[before : -after - 1] - sums[: -after - before - 1]) / before
        rise[:, semitone] = np.maximum(0, following - preceding)
    return rise


def sounding_part(vectors: Array) -> Array:
    """The part of vectors that says what sounds, ``(frames, semitones)``."""
    return vectors[:, :SEMITONES]


def shrunk(vectors: Array, factor: int) -> Array:
    """Means of so many vectors, at length 1 again: ``(ceil(frames / factor), size)``."""
    starts = np.arange(0, len(vectors), factor)
    sums = np.add.reduceat(vectors, starts, axis=0)
    means: Array = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return means


def _vectors(sounding: Array, beginning: Array) -> Array:
    """Vectors of what sounds and what begins, both ``(frames, semitones)``, at length 1."""
    sounding, beginning = _above_neighbours(sounding), _above_neighbours(beginning)
    strength = np.linalg.norm(beginning, axis=1)
    faintest = FAINTEST * float(strength.max(initial=0.0)) + 1e-9
    beginning /= np.maximum(maximum_filter1d(strength, LOCAL), faintest)[:, None]
    faded = beginning.copy()
    for frames, share in enumerate(FADE[1:], start=1):
        np.maximum(faded[frames:], beginning[:-frames] * np.float32(share), out=faded[frames:])
    usual = float(np.percentile(np.linalg.norm(sounding, axis=1), 95)) + 1e-9
    vectors = np.empty((len(sounding), 2 * (SEMITONES + 1)), np.float32)
    halves = vectors[:, : SEMITONES + 1], vectors[:, SEMITONES + 1 :]
    _put_at_length(halves[0], sounding / usual, FLOOR, math.sqrt(1 - ONSETS))
    _put_at_length(halves[1], faded, ONSET_FLOOR, math.sqrt(ONSETS))
    return vectors


def _above_neighbours(levels: Array) -> Array:
    """What stands out among the semitones around: tones do, noise does not."""
    mean = uniform_filter1d(levels, 2 * NEIGHBOURS + 1, axis=1, mode="nearest")
    np.subtract(levels, mean, out=mean)
    above: Array = np.maximum(0, mean, out=mean)
    return above


def _put_at_length(target: Array, vectors: Array, floor: float, length: float) -> None:
    """Put vectors where there is an element more: nothing has a direction too, that of this one."""
    target[:, :-1], target[:, -1] = vectors, floor
    target *= length / np.linalg.norm(target, axis=1, keepdims=True)
