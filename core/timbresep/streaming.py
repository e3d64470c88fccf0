"""Signals as streams of blocks, so that memory does not grow with their length.

A stream is an iterator of float32 arrays (rows, samples); a row is a channel, or a channel of a
stem. Each function takes a stream and gives another of the same timing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from timbresep.audio import resampled_length
from timbresep.audio.writer import BLOCK
from timbresep.errors import AudioError

Rows = npt.NDArray[np.float32]

MAX_CHANNELS = 2

STEEPEST = 32
"""Most that one converter changes a rate by: it holds several hundred samples of the lower one."""


@dataclass(frozen=True)
class Stream:
    """A mixture that comes in blocks.

    Attributes:
        blocks: (channels, samples) each, of any length.
        rate: Hz.
        channels: one or two.
        name: what errors call the mixture.

    Raises:
        AudioError: more than two channels.
    """

    blocks: Iterable[Rows]
    rate: int
    channels: int
    name: str = "the mixture"

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise AudioError(
                f"{self.channels} channels; mono and stereo are supported",
                hint="mix it down to stereo first",
            )


class Fifo:
    """Samples (rows, n) that wait for their turn: first in, first out."""

    def __init__(self, rows: int) -> None:
        self._held = np.zeros((rows, 0), np.float32)

    def __len__(self) -> int:
        return int(self._held.shape[1])

    def push(self, block: Rows) -> None:
        """Append (rows, n)."""
        self._held = np.concatenate([self._held, block], axis=1)

    def peek(self, samples: int) -> Rows:
        """The oldest samples, at most ``samples`` of them; they stay."""
        return self._held[:, :samples]

    def take(self, samples: int) -> Rows:
        """The oldest samples, at most ``samples`` of them; they go."""
        taken, self._held = self._held[:, :samples], self._held[:, samples:].copy()
        return taken


def resampled(blocks: Iterable[Rows], from_rate: int, to_rate: int, rows: int) -> Iterator[Rows]:
    """Change a stream's sample rate with soxr's HQ filter, in time with the input.

    The output has ceil(samples · to_rate / from_rate) samples; with equal rates, the stream
    passes untouched. It comes in blocks of about `BLOCK` samples at the most, whatever the rates:
    a block of a recording at 1 Hz lasts for hours.

    Args:
        blocks: (rows, any number of samples) each.
        from_rate, to_rate: Hz.
        rows: of every block.
    """
    if from_rate == to_rate:
        yield from blocks
        return
    if to_rate > STEEPEST * from_rate:
        slow = resampled(blocks, from_rate, STEEPEST * from_rate, rows)
        yield from resampled(slow, STEEPEST * from_rate, to_rate, rows)
        return
    if from_rate > STEEPEST * to_rate:
        fast = resampled(blocks, from_rate, STEEPEST * to_rate, rows)
        yield from resampled(fast, STEEPEST * to_rate, to_rate, rows)
        return
    converter = soxr.ResampleStream(from_rate, to_rate, rows, dtype="float32", quality="HQ")
    read = written = 0
    step = max(1, BLOCK * from_rate // to_rate)
    for block in blocks:
        read += block.shape[1]
        for start in range(0, block.shape[1], step):
            part = np.ascontiguousarray(block[:, start : start + step].T)
            out = converter.resample_chunk(part).T  # (rows, samples)
            written += out.shape[1]
            if out.shape[1]:
                yield out
    # A little silence at the end makes sure that the last, rounded-up sample comes out.
    silence = np.zeros((2 + 2 * from_rate // to_rate, rows), np.float32)
    rest = converter.resample_chunk(silence, last=True).T
    missing = resampled_length(read, from_rate, to_rate) - written
    if missing > 0:
        yield rest[:, :missing]


def overlap_add(
    blocks: Iterable[Rows],
    process: Callable[[Rows], Rows],
    rows: int,
    *,
    chunk: int,
    context: int,
    fade: int,
) -> Iterator[Rows]:
    """Run ``process`` over windows of a stream and crossfade what it gives.

    Each window is a chunk with ``context`` samples on both sides (zeros beyond the ends of the
    signal), of which the output of the chunk is kept. Neighbouring chunks share ``fade`` samples,
    over which two ramps that sum to one lead from one to the next: where ``process`` looks no
    further than the context, the result is that of processing everything at once.

    Args:
        blocks: (rows, any number of samples) each.
        process: (rows, n) → (outputs, n), where n = chunk + 2 · context, and less at the end.
        rows: of every input block.
        chunk, context, fade: samples; ``fade`` is shorter than ``chunk``.

    Yields:
        (outputs, samples), as many samples in all as came in.
    """
    source = iter(blocks)
    held = Fifo(rows)
    held.push(np.zeros((rows, context), np.float32))
    ramp = ((np.arange(fade) + 0.5) / max(fade, 1)).astype(np.float32)
    tail: Rows | None = None
    ended = False
    while True:
        while not ended and len(held) < context + chunk + max(context, 1):
            block = next(source, None)
            if block is None:
                ended = True
            else:
                held.push(block)
        remaining = len(held) - context
        if remaining <= 0:
            return
        samples = min(remaining, chunk)
        window = held.peek(samples + 2 * context)
        window = np.pad(window, ((0, 0), (0, samples + 2 * context - window.shape[1])))
        out = process(window)[:, context : context + samples].copy()  # (outputs, samples)
        if tail is not None:  # a chunk that follows another has more than `fade` samples
            out[:, :fade] = out[:, :fade] * ramp + tail * (1 - ramp)
        if ended and remaining <= chunk:
            yield out[:, :remaining]
            return
        yield out[:, : chunk - fade]
        tail = out[:, chunk - fade :]
        held.take(chunk - fade)


def check_loudness(rows: Rows, name: str) -> None:
    """Refuse samples that are not finite: a filter overflows on numbers near the largest float.

    Args:
        rows: samples.
        name: what the error calls the mixture that they come from.

    Raises:
        AudioError: one is not finite.
    """
    if not np.isfinite(rows).all():
        raise AudioError(
            f"{name} is too loud to be computed with",
            hint="save it with samples between -1 and 1",
        )
