"""Onsets of a score, found in the recording near where warping puts them.

Warping compares all that sounds. Here each onset is looked for at the overtones of the notes that
begin with it, where their level rises. Neighbouring onsets move together (Viterbi's algorithm), so
that one which is not heard follows the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from timbresep.notes.alignment.features import rises
from timbresep.notes.alignment.semitones import FRAMES_PER_S, LOWEST, SEMITONES, Levels
from timbresep.notes.score import Note

TOGETHER_S = 0.04  # notes that begin within it are one onset
REACH = 15  # frames to each side
PARTIALS = ((0, 1.0), (12, 0.8), (19, 0.6), (24, 0.4))  # interval in semitones, weight
COMPRESSION = 100.0  # of levels: log(1 + COMPRESSION · level)
EARLY_S = 0.01  # a window shows an onset so much before its centre is there
AFTER, BEFORE = 8, 2  # frames whose mean levels a rise compares
STIFFNESS = 0.01  # cost of a change of tempo beside the evidence of an onset, about 1
IMPOSSIBLE = 1e6

Times = NDArray[np.float64]


def onsets_of(notes: Sequence[Note]) -> tuple[Times, list[list[Note]]]:
    """Times at which notes begin, in order, and the notes that begin then."""
    times: list[float] = []
    groups: list[list[Note]] = []
    for note in sorted(notes, key=lambda note: note.start):
        if not times or note.start - times[-1] > TOGETHER_S:
            times.append(note.start)
            groups.append([])
        groups[-1].append(note)
    return np.array(times), groups


def refine(expected: Times, groups: Sequence[Sequence[Note]], levels: Levels) -> Times:
    """Where onsets are in a recording.

    Args:
        expected: seconds at which warping puts them, never falling, ``(onsets,)``.
        groups: the notes of each.
        levels: the recording's.

    Returns:
        seconds, rising by a frame at least, ``(onsets,)``.
    """
    moves = np.arange(-REACH, REACH + 1)  # (moves,)
    frames = expected * FRAMES_PER_S
    evidence = _evidence(frames, groups, levels, moves)  # (onsets, moves)
    change = moves[None, :] - moves[:, None]  # (from, to)
    score, back = evidence[0], []
    for gap, found in zip(np.diff(frames), evidence[1:], strict=True):
        stiff = STIFFNESS * np.square(change) / max(gap * 2 / FRAMES_PER_S, 0.2)
        ways = score[:, None] - stiff - IMPOSSIBLE * (gap + change < 1)
        back.append(ways.argmax(axis=0))
        score = ways.max(axis=0) + found
    chosen = [int(score.argmax())]
    for best in reversed(back):
        chosen.append(int(best[chosen[-1]]))
    return (frames + moves[chosen[::-1]]) / FRAMES_PER_S + EARLY_S


def _evidence(
    frames: Times,
    groups: Sequence[Sequence[Note]],
    levels: Levels,
    moves: NDArray[np.int64],
) -> NDArray[np.float64]:
    """How much the levels at the notes' partials rise; about 1 at a usual onset."""
    scale = COMPRESSION / levels.loudest
    rising = rises(np.log1p(scale * levels.quick), AFTER, BEFORE)
    evidence = np.zeros((len(frames), len(moves)))
    for row, (frame, notes) in enumerate(zip(frames, groups, strict=True)):
        at = np.clip(frame + moves, 0, len(rising) - 1)
        low = at.astype(np.int64)
        high = np.minimum(low + 1, len(rising) - 1)
        for note in notes:
            for interval, weight in PARTIALS:
                semitone = round(note.pitch) + interval - LOWEST
                if 0 <= semitone < SEMITONES:
                    rise = rising[:, semitone]
                    evidence[row] += weight * (rise[low] + (at - low) * (rise[high] - rise[low]))
    return evidence / max(float(np.median(evidence.max(axis=1))), 1e-9)
