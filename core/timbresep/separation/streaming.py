"""Stems that come in blocks, made to sum to their mixture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from timbresep.joint_mask import consistent_waveforms
from timbresep.streaming import Fifo, Rows

Energies = npt.NDArray[np.float64]
Pair = tuple[Rows, Rows]
"""A stretch of the mixture (channels, samples) and its stems (instruments, channels, samples)."""

SHARE_FRAME = 4096
"""Samples over which stems' energies are compared: 93 ms at 44.1 kHz."""


def made_consistent(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Mixture consistency of a stream: what its stems leave of the mixture is spread over them.

    Each stem's share follows its energy, measured in frames counted from the start of the signal
    and interpolated between them, so that neither the blocks' sizes nor the signal's length
    matter. Where all are silent, the shares are equal.

    Args:
        pairs: mixture and stems, block by block.
    """
    previous: Energies | None = None
    current: tuple[Rows, Rows, Energies] | None = None  # mixture, stems, energies
    for mixture, stems in _reframed(pairs, SHARE_FRAME):
        energy = np.square(stems, dtype=np.float64).mean(axis=(1, 2)) + 1e-30  # (instruments,)
        if current is not None:
            yield _shared(previous, current, energy)
            previous = current[2]
        current = mixture, stems, energy
    if current is not None:
        yield _shared(previous, current, None)


def _shared(
    previous: Energies | None, current: tuple[Rows, Rows, Energies], after: Energies | None
) -> Pair:
    """One frame made consistent; its shares lead from one of its edges to the other."""
    mixture, stems, energy = current
    left = energy if previous is None else previous + energy
    right = energy if after is None else energy + after
    left, right = (edge / edge.sum() for edge in (left, right))
    time = (np.arange(stems.shape[2]) + 0.5) / stems.shape[2]
    shares = left[:, None] + (right - left)[:, None] * time  # (instruments, samples)
    return mixture, consistent_waveforms(mixture, stems, shares)


def _reframed(pairs: Iterable[Pair], frame: int) -> Iterator[Pair]:
    """The same pairs, cut into frames of equal size (the last one may be shorter)."""
    held: Fifo | None = None
    shape = (0, 0)

    def split(rows: Rows) -> Pair:
        instruments, channels = shape
        return rows[:channels], rows[channels:].reshape(instruments, channels, -1)

    for mixture, stems in pairs:
        shape = stems.shape[0], stems.shape[1]
        if held is None:
            held = Fifo(shape[1] * (1 + shape[0]))
        held.push(np.concatenate([mixture, stems.reshape(-1, stems.shape[2])]))
        while len(held) >= frame:
            yield split(held.take(frame))
    if held is not None and len(held):
        yield split(held.take(frame))
