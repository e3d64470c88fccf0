"""The oracle ratio mask: the best that magnitude masks of the true stems can do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from timbresep.evaluation.stem_stream import StemStream
from timbresep.joint_mask import ratio_masks
from timbresep.separation.streaming import Pair
from timbresep.stft import STFT
from timbresep.streaming import Fifo, Rows, overlap_add


def oracle(stream: StemStream, stft: STFT) -> Iterator[Pair]:
    """Ratio masks ``|s| / Σ|s|`` made from the stems, applied to the mixture.

    Source: Liutkus et al., "The 2016 Signal Separation Evaluation Campaign", LVA/ICA 2017 (IRM1).

    Args:
        stream: a track.
        stft: the transform in which the masks are made.

    Yields:
        The true wanted stems and their estimates, both (stems, channels, samples).
    """
    stems, channels, wanted = len(stream.names), stream.channels, stream.wanted
    rows = (stems + 1) * channels
    waiting = Fifo(wanted * channels)

    def flat() -> Iterator[Rows]:
        for mixture, block in stream:
            waiting.push(block[:wanted].reshape(-1, block.shape[2]))
            yield np.concatenate([block.reshape(stems * channels, -1), mixture])

    def masked(window: Rows) -> Rows:
        files = torch.from_numpy(window).reshape(stems + 1, channels, -1)
        spectra = stft(files)  # (stems + 1, channels, bins, frames)
        parts = ratio_masks(spectra[:-1])[:wanted] * spectra[-1]
        estimate: Rows = stft.inverse(parts, window.shape[1]).reshape(-1, window.shape[1]).numpy()
        return estimate

    # a chunk of some seconds, whole windows of context, and no fade: the masks need no more
    for estimate in overlap_add(
        flat(), masked, rows, chunk=64 * stft.n_fft, context=2 * stft.n_fft, fade=0
    ):
        truth = waiting.take(estimate.shape[1])
        shape = wanted, channels, -1
        yield truth.reshape(shape), estimate.reshape(shape)
