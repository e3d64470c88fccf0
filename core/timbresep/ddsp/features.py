"""The features of a sound that a decoder gets: loudness and fundamental, on one grid of frames.

Audio is at 16 kHz; frames come 250 times a second, frame i centred on sample 64 i. A fundamental
of 0 Hz means that there is no pitch: an instrument without an f0 range has none at all.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from timbresep.ddsp.pitch import track
from timbresep.errors import AudioError

SAMPLE_RATE = 16_000
FRAME_RATE = 250
HOP = SAMPLE_RATE // FRAME_RATE
N_FFT = 512
RANGE_DB = 80.0
"""Loudness does not fall below minus this many dB."""

VOICED = 0.5
"""Confidence from which a frame's fundamental is believed (the tracker's own calibration)."""

Array = npt.NDArray[np.float32]
Range = tuple[float, float] | None
"""Lowest and highest fundamental in Hz; None for an instrument without pitch, such as a drum."""


@dataclass(frozen=True)
class Features:
    """A sound's features, each of shape (frames,).

    Attributes:
        f0_hz: fundamental in Hz; in unvoiced frames that of the voiced frame before. All 0 without
            an f0 range.
        f0_confidence: 0 to 1.
        loudness_db: A-weighted loudness in dB, from −80.
    """

    f0_hz: Array
    f0_confidence: Array
    loudness_db: Array


@functools.lru_cache
def a_weighting(n_fft: int, sample_rate: int) -> Tensor:
    """A-weighting as power gains of FFT bins (n_fft / 2 + 1,).

    IEC 61672-1:2013, annex E: 20 log10 of the analogue response, 0 dB at 1 kHz (+2.00 dB), here
    not below −80 dB, as in ddsp and librosa.
    """
    squared = np.fft.rfftfreq(n_fft, 1 / sample_rate) ** 2
    poles = np.array([20.598997, 107.65265, 737.86223, 12194.217]) ** 2
    response = poles[3] * squared**2
    response /= (squared + poles[0]) * (squared + poles[3])
    response /= np.sqrt((squared + poles[1]) * (squared + poles[2]))
    gain_db = 2.0 + 20 * np.log10(np.maximum(response, 1e-20))
    return torch.from_numpy(10 ** (np.maximum(gain_db, -80.0) / 10)).float()


def loudness(audio: Tensor, sample_rate: int) -> Tensor:
    """A-weighted loudness, differentiable; defined as ``compute_loudness`` of ddsp 3.7.

    Power of a centred 512-point Hann STFT, A-weighted, averaged over frequency, in dB, from −80.

    Args:
        audio: (batch, samples) at 16 kHz.
        sample_rate: Hz.

    Returns:
        dB (batch, ⌊samples / 64⌋ + 1).

    Raises:
        AudioError: another sample rate.
    """
    check_rate(sample_rate)
    window = torch.hann_window(N_FFT, device=audio.device, dtype=audio.dtype)
    padded = functional.pad(audio, (N_FFT // 2, N_FFT // 2))
    spectrum = torch.stft(padded, N_FFT, HOP, window=window, center=False, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()  # (batch, bins, frames)
    weights = a_weighting(N_FFT, sample_rate).to(power)
    mean = (power * weights[:, None]).mean(dim=1)  # (batch, frames)
    return 10.0 * torch.log10(mean.clamp_min(10 ** (-RANGE_DB / 10)))


def f0(audio: Array, sample_rate: int, f0_range: Range) -> tuple[Array, Array]:
    """Track the fundamental; see `timbresep.ddsp.pitch`.

    Args:
        audio: (samples,) at 16 kHz.
        sample_rate: Hz.
        f0_range: lowest and highest fundamental to look for, Hz; None looks for none.

    Returns:
        Fundamental in Hz and confidence (0 to 1), each (⌊samples / 64⌋ + 1,). Unvoiced frames hold
        the last voiced pitch (the first one, before any), so that a note keeps its pitch as it
        dies away. All zeros without a range.

    Raises:
        AudioError: another sample rate, not one-dimensional, empty or non-finite audio.
        MissingToolError: the tracker is not installed.
    """
    check_rate(sample_rate)
    if audio.ndim != 1 or audio.size == 0 or not np.isfinite(audio).all():
        raise AudioError(
            f"pitch tracking needs finite mono audio of shape (samples,), not {audio.shape}",
            "pass one channel, at least one sample, without NaN",
        )
    frames = len(audio) // HOP + 1
    if f0_range is None:
        return np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    hz, confidence = track(audio, f0_range, np.arange(frames) / FRAME_RATE)
    voiced = np.flatnonzero(confidence >= VOICED)
    if voiced.size == 0:
        return np.full(frames, math.sqrt(f0_range[0] * f0_range[1]), np.float32), confidence
    last = np.searchsorted(voiced, np.arange(frames), side="right") - 1
    return hz[voiced[np.maximum(last, 0)]], confidence


def extract(audio: Array, sample_rate: int, f0_range: Range) -> Features:
    """All the features of a sound.

    Args:
        audio: (samples,) at 16 kHz.
        sample_rate: Hz.
        f0_range: lowest and highest fundamental to look for, Hz; None looks for none.

    Returns:
        Features of ⌊samples / 64⌋ + 1 frames.

    Raises:
        AudioError: another sample rate, or audio that is empty, non-finite or not mono.
        MissingToolError: the tracker is not installed.
    """
    hz, confidence = f0(audio, sample_rate, f0_range)
    level = loudness(torch.from_numpy(np.ascontiguousarray(audio, np.float32))[None], sample_rate)
    return Features(hz, confidence, level[0].numpy())


def check_rate(sample_rate: int) -> None:
    """Refuse audio that is not at 16 kHz.

    Raises:
        AudioError: with the way out.
    """
    if sample_rate != SAMPLE_RATE:
        raise AudioError(
            f"instrument models work at {SAMPLE_RATE} Hz, but this audio is at {sample_rate} Hz",
            f"resample it first: timbresep.audio.resample(wave, {sample_rate}, {SAMPLE_RATE})",
        )
