"""Inputs for both libraries, and ddsp's oscillators with their phases in double precision."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.model import DdspModel

CONTROLS = ("amps", "harmonic_distribution", "noise_magnitudes")


def random_model(config: DecoderConfig, seed: int = 0) -> DdspModel:
    """A model whose layers all matter: no weight is near zero, no gain near one."""
    chance = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = DdspModel(config).eval()
    with torch.no_grad():
        for value in model.decoder.parameters():
            spread = 0.3 / math.sqrt(value.shape[-1]) if value.ndim > 1 else 0.3
            value.add_(spread * torch.randn(value.shape, generator=chance))
        if model.reverb is not None:
            length = config.reverb_length
            fall = torch.exp(-6 * torch.arange(length) / length)
            room = 0.1 * fall * torch.randn(length, generator=chance)
            model.reverb.impulse_response.copy_(room)
    return model


def gestures(frames: int) -> tuple[Tensor, Tensor]:
    """Pitch in Hz and loudness in dB of two passages with glides, vibrato and swells."""
    time = torch.arange(frames) / 250
    semitones = 6 * torch.sin(4.4 * time) + 0.4 * torch.sin(31 * time)
    f0_hz = torch.stack([220 * 2 ** (semitones / 12), 660 * 2 ** (semitones / 12)])
    return f0_hz, -40 + 20 * torch.sin(torch.stack([9 * time, 4 * time]))


def features(f0_hz: Tensor, loudness_db: Tensor) -> dict[str, Any]:
    """What ddsp's model takes."""
    audio = np.zeros((len(f0_hz), 64 * f0_hz.shape[1]), np.float32)
    return {"f0_hz": f0_hz.numpy(), "loudness_db": loudness_db.numpy(), "audio": audio}


@contextmanager
def double_phases() -> Iterator[None]:
    """ddsp's oscillator bank in double precision.

    In single precision, as it comes, its phases (a running sum over all samples, for each
    harmonic) are off by 0.001 of a turn after 0.2 s, and by a good part of one after 4 s.
    """
    import tensorflow as tf
    from ddsp import core

    bank, cast = core.oscillator_bank, core.tf_float32

    def double(*args: Any, **settings: Any) -> Any:
        core.tf_float32 = lambda value: tf.cast(value, tf.float64)
        try:
            return tf.cast(bank(*args, **settings), tf.float32)
        finally:
            core.tf_float32 = cast

    core.oscillator_bank = double
    try:
        yield
    finally:
        core.oscillator_bank = bank


@contextmanager
def noise(blocks: Tensor) -> Iterator[None]:
    """ddsp's random numbers replaced by given ones (batch, frames, hop), from -1 to 1."""
    from ddsp import synths

    given = blocks.flatten(1).numpy()
    draw = synths.tf.random.uniform

    def uniform(shape: Sequence[int], minval: float, maxval: float) -> Any:
        assert tuple(shape) == given.shape
        assert (minval, maxval) == (-1.0, 1.0)
        return synths.tf.constant(given)

    synths.tf.random.uniform = uniform
    try:
        yield
    finally:
        synths.tf.random.uniform = draw


def distance(ours: Any, theirs: Any) -> float:
    """Largest difference, relative to the largest value."""
    ours = ours.detach().numpy() if isinstance(ours, Tensor) else np.asarray(ours)
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def ratio(ours: Tensor, theirs: Any) -> float:
    """Largest relative difference of any two values; zeros must be at the same places."""
    wanted = np.asarray(theirs)
    given = ours.detach().numpy()
    assert given.shape == wanted.shape
    assert np.array_equal(given == 0, wanted == 0)
    return float(np.abs(given[wanted != 0] / wanted[wanted != 0] - 1).max())
