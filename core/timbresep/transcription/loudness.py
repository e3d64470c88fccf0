"""How loud a recording is where a note is played: what velocities follow from.

How sure a transcriber is of a note says nothing about its loudness: on validation tracks the two
go against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from timbresep.notes.score import Note, StemNotes
from timbresep.streaming import Fifo, Rows

FRAME_S = 0.05
ATTACK_S = 0.5
"""A note is as loud as the recording is in so much of its beginning."""

LOUDEST = 110
"""Velocity of the note that is played where the recording is loudest."""

DB_A_DECADE = 40.0
"""Amplitude is the square of velocity: what General MIDI recommends of sound sources."""


class Loudness:
    """Blocks of a recording that pass, and how loud they were.

    Args:
        blocks: (channels, samples) each.
        rate: Hz.
        channels: of the blocks.
    """

    def __init__(self, blocks: Iterable[Rows], rate: int, channels: int) -> None:
        self._blocks, self._rows = blocks, channels
        self._frame = max(1, round(FRAME_S * rate))
        self._frame_s = self._frame / rate
        self._powers: list[float] = []  # mean of each frame

    def __iter__(self) -> Iterator[Rows]:
        held = Fifo(self._rows)
        for block in self._blocks:
            yield block
            held.push(block)
            self._measure(held.take(len(held) // self._frame * self._frame))
        if len(held):
            self._measure(np.pad(held.peek(len(held)), ((0, 0), (0, self._frame - len(held)))))

    @property
    def silent(self) -> bool:
        """Whether all that has passed was silence."""
        return not any(self._powers)

    def told(self, stems: Sequence[StemNotes]) -> list[StemNotes]:
        """The same notes of each stem, with velocities by the loudness of the whole recording."""
        levels = [[self._level(note) for note in stem.notes] for stem in stems]
        loudest = max((level for found in levels for level in found), default=0.0)
        return [
            replace(
                stem,
                notes=tuple(
                    replace(note, velocity=_velocity(level - loudest))
                    for note, level in zip(stem.notes, found, strict=True)
                ),
            )
            for stem, found in zip(stems, levels, strict=True)
        ]

    def _measure(self, samples: Rows) -> None:
        """Keep the mean power of each frame of samples (channels, frames · frame)."""
        power = np.square(samples, dtype=np.float64).mean(axis=0)
        self._powers += power.reshape(-1, self._frame).mean(axis=1).tolist()

    def _level(self, note: Note) -> float:
        """Level in dB of the recording where a note begins."""
        first = round(note.start / self._frame_s)
        until = round(min(note.end, note.start + ATTACK_S) / self._frame_s)
        powers = self._powers[first : max(until, first + 1)] or self._powers[-1:]
        return float(10 * np.log10(np.mean(powers) + 1e-30))


def _velocity(db: float) -> int:
    """Velocity, from 1, of a note so much above the loudest."""
    return max(1, round(LOUDEST * 10 ** (db / DB_A_DECADE)))
