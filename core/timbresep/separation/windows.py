"""A stream's way through an estimator: window by window, at the estimator's own rate and level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from timbresep.audio import check_finite
from timbresep.audio.writer import BLOCK, Wave
from timbresep.errors import AudioError
from timbresep.level import gains
from timbresep.separation.sources import SourceStage
from timbresep.separation.streaming import Pair
from timbresep.streaming import Fifo, Rows, Stream, check_loudness, overlap_add, resampled


@dataclass(frozen=True)
class Windows:
    """What an estimator looks at.

    Attributes:
        rate: Hz.
        chunk: samples that it gives at a time.
        context: samples that it sees on both sides of them.
    """

    rate: int
    chunk: int
    context: int

    @property
    def fade(self) -> int:
        """Samples over which one chunk leads to the next."""
        return min(self.context, self.chunk // 32)


Estimate = Callable[[Rows, float], torch.Tensor]
"""Stems of a window.

Takes the mixture and its sources (1 + sources, channels, samples), and the second at which the
window starts. Gives the stems, all of whose values (stems · channels · samples) are in this order.
"""


def windowed(
    stream: Stream,
    estimate: Estimate,
    count: int,
    windows: Windows,
    stage: SourceStage | None = None,
) -> Iterator[Pair]:
    """Stems of a stream.

    Args:
        stream: the mixture.
        estimate: gives the stems of a window.
        count: how many stems.
        windows: what the estimator looks at.
        stage: a source model that the mixture goes through first.

    Yields:
        Stretches of the mixture (channels, samples), each with its stems (stems, channels,
        samples); in all, as many samples as came in.

    Raises:
        AudioError: the mixture is too loud to be computed with.
    """
    channels, rows = stream.channels, stream.channels
    waiting, position = Fifo(channels), -windows.context

    def tapped() -> Iterator[Rows]:
        for block in stream.blocks:
            waiting.push(block)
            yield block

    def process(window: Rows) -> Rows:
        nonlocal position
        check_loudness(window, stream.name)
        start = position / windows.rate
        position += windows.chunk - windows.fade
        return _levelled(window, channels, count, windows.rate, lambda w: estimate(w, start))

    own = resampled(tapped(), stream.rate, windows.rate, channels)
    if stage is not None:
        own = stage.stream(own, windows.rate, channels, name=stream.name)
        rows = channels * (1 + len(stage.model.sources))
    stems = overlap_add(
        own, process, rows, chunk=windows.chunk, context=windows.context, fade=windows.fade
    )
    back = resampled(stems, windows.rate, stream.rate, count * channels)
    yield from _aligned(back, waiting, count)


def in_memory(
    wave: Wave, rate: int, names: tuple[str, ...], stems: Callable[[Stream], Iterable[Pair]]
) -> dict[str, Wave]:
    """Stems of a waveform that is in memory, by name.

    Args:
        wave: (channels, samples), one or two channels.
        rate: Hz.
        names: of the stems.
        stems: gives them for a stream.

    Raises:
        AudioError: more than two channels, no samples, or one that is not finite.
    """
    if wave.ndim != 2 or wave.shape[1] == 0:
        raise AudioError(f"expected a waveform (channels, samples), got shape {wave.shape}")
    check_finite(wave, rate, "the mixture")
    blocks = (wave[:, at : at + BLOCK] for at in range(0, wave.shape[1], BLOCK))
    parts = [found for _, found in stems(Stream(blocks, rate, wave.shape[0]))]
    return dict(zip(names, np.concatenate(parts, axis=2), strict=True))


def _levelled(
    window: Rows,
    channels: int,
    count: int,
    rate: int,
    estimate: Callable[[Rows], torch.Tensor],
) -> Rows:
    """The stems (count · channels, n) of a window at the level that networks are trained at."""
    samples = window.shape[1]
    if not window[:channels].any():  # digital silence holds no instrument
        return np.zeros((count * channels, samples), np.float32)
    gain = gains(window[:channels], rate)
    brought = (window * gain).astype(np.float32)
    stems: Rows = estimate(brought.reshape(-1, channels, samples)).float().cpu().numpy()
    with np.errstate(over="ignore"):  # `stream` reports it
        return (stems.reshape(count * channels, samples) / gain).astype(np.float32)


def _aligned(stems: Iterable[Rows], mixture: Fifo, count: int) -> Iterator[Pair]:
    """Each stretch of the mixture that waits, with the stems (instruments, channels, samples)."""
    for block in stems:
        waited = mixture.take(block.shape[1])
        kept = block[:, : waited.shape[1]]  # rounding at the end of the last block
        if kept.shape[1]:
            yield waited, kept.reshape(count, len(waited), -1)
