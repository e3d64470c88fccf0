"""Streams: their timing is that of the whole, and no rate makes a block large."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from timbresep.audio import resample
from timbresep.audio.writer import BLOCK
from timbresep.streaming import resampled


def tone(hz: float, rate: int, seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * hz * time)[None].astype(np.float32)


@pytest.mark.parametrize(("old", "new"), [(8000, 44_100), (48_000, 44_100), (192_000, 44_100)])
def test_a_stream_is_resampled_like_the_whole(old: int, new: int) -> None:
    wave = tone(440, old, 1.0)
    blocks = [wave[:, at : at + 777] for at in range(0, old, 777)]
    np.testing.assert_allclose(
        np.concatenate(list(resampled(blocks, old, new, 1)), axis=1), resample(wave, old, new)
    )


@pytest.mark.parametrize(("old", "new"), [(100, 44_100), (44_100, 100), (7, 44_100)])
def test_far_apart_rates_keep_tone_timing_and_length(old: int, new: int) -> None:
    low = min(old, new)
    seconds = 4000 / low
    seconds = min(seconds, 60.0)
    wave = tone(low / 20, old, seconds)
    out = np.concatenate(list(resampled([wave], old, new, 1)), axis=1)
    assert out.shape[1] == -(-wave.shape[1] * new // old)
    inner = slice(out.shape[1] // 4, -out.shape[1] // 4)
    expected = tone(low / 20, new, seconds)[:, : out.shape[1]]
    assert np.abs(out - expected)[:, inner].max() < 2e-3


def test_hours_in_one_block_come_out_in_seconds() -> None:
    """At 1 Hz a block of the reader lasts 18 hours: 23 GB at 44.1 kHz."""

    def block() -> Iterator[np.ndarray]:
        yield np.zeros((2, BLOCK), np.float32)

    stream = resampled(block(), 1, 44_100, 2)
    assert max(next(stream).shape[1] for _ in range(200)) < 2 * BLOCK
