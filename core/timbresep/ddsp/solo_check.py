"""Whether a recording can teach an instrument's voice; if not, why, and of which file.

A recording that cannot is refused by name. It is never left out silently, as a voice learned from
the others only would not be the one that was asked for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from timbresep.ddsp.features import HOP, SAMPLE_RATE, VOICED, Features
from timbresep.errors import AudioError, DataError

Array = npt.NDArray[np.float32]

SOUNDING_RANGE = 50.0
"""A frame sounds when it is within this many dB of the loud frames (95th percentile)."""

QUIETEST = -75.0
"""dB below which nothing sounds."""

CLIPPED_SHARE = 1e-4
"""Share of samples in clipped peaks from which a recording counts as clipped."""

CLIPPED_EDGE = 2e-3
"""Drop beside a flat top, relative to the peak, that no unclipped wave has after three samples."""

VOICED_SHARE = 0.3
"""Share of the sounding frames that must have a sure pitch."""

SINGLE_SHARE = 0.7
"""Median share of a voiced frame's power that must lie at the multiples of its fundamental."""

N_FFT = 2048
"""Window of that test: 128 ms, bins of 7.8 Hz."""


def check_recording(wave: Array, rate: int, name: str) -> None:
    """Refuse what no later step could mend: too low a rate, silence, clipping.

    Args:
        wave: (channels, samples) as recorded.
        rate: Hz.
        name: of the file, for the message.

    Raises:
        AudioError: with the reason.
    """
    if rate < SAMPLE_RATE:
        raise AudioError(
            f"{name}: at {rate} Hz nothing above {rate / 2000:g} kHz is there to learn from",
            f"give a recording made at {SAMPLE_RATE} Hz or more",
        )
    if np.abs(wave).max(initial=0.0) < 1e-4:
        raise AudioError(f"{name} is silent", "leave it out, or record it again")
    share = clipped_share(wave)
    if share > CLIPPED_SHARE:
        raise AudioError(
            f"{name} is clipped: {100 * share:.2g} % of its samples are cut-off peaks",
            "record it again at a lower level; turning it down afterwards does not help",
        )


def clipped_share(wave: Array) -> float:
    """Share of samples in clipped peaks: three or more equal ones at the top, with a sharp edge.

    Args:
        wave: (channels, samples).
    """
    cut = 0
    for channel in wave:
        peak = float(np.abs(channel).max(initial=0.0))
        for side in (channel, -channel):
            top = np.concatenate([[False], side >= peak * (1 - 1e-4), [False]])
            edges = np.flatnonzero(np.diff(top.astype(np.int8)))
            first, end = edges[::2], edges[1::2]
            padded = np.concatenate([[peak], side, [peak]])  # sample i is at i + 1
            beside = np.minimum(padded[first], padded[end + 1])
            flat = (end - first >= 3) & (beside < peak * (1 - CLIPPED_EDGE))
            cut += int((end - first)[flat].sum())
    return cut / max(wave.size, 1)


def sounding(loudness_db: Array) -> npt.NDArray[np.bool_]:
    """Which frames sound at all.

    Args:
        loudness_db: (frames,).
    """
    return loudness_db > max(float(np.quantile(loudness_db, 0.95)) - SOUNDING_RANGE, QUIETEST)


def check_notes(audio: Array, found: Features, name: str) -> None:
    """Refuse what is not one note at a time: noise, percussion, chords.

    Args:
        audio: (samples,) at 16 kHz.
        found: its features, tracked within the instrument's f0 range.
        name: of the file, for the message.

    Raises:
        DataError: with the reason.
    """
    sounds = sounding(found.loudness_db)
    if not sounds.any():
        raise DataError(f"{name}: nothing sounds", "give a louder recording of the instrument")
    voiced = sounds & (found.f0_confidence >= VOICED)
    share = voiced.sum() / sounds.sum()
    if share < VOICED_SHARE:
        raise DataError(
            f"{name}: only {100 * share:.0f} % of what sounds has a steady pitch in the "
            "instrument's range",
            "give one note at a time; check f0_range, or transpose what another instrument plays",
        )
    single = harmonic_share(audio, found.f0_hz, np.flatnonzero(voiced))
    if single < SINGLE_SHARE:
        raise DataError(
            f"{name}: only {100 * single:.0f} % of its sound belongs to a single note",
            "give one note at a time, without chords or accompaniment",
        )


def harmonic_share(audio: Array, f0_hz: Array, frames: npt.NDArray[np.intp]) -> float:
    """Median share of power that lies within 2 bins or 2 % of a multiple of the fundamental.

    Args:
        audio: (samples,) at 16 kHz.
        f0_hz: (all frames,).
        frames: which frames to look at; 500 to 1000 of them are enough and taken.
    """
    whole = frames[(frames * HOP >= N_FFT // 2) & (frames * HOP + N_FFT // 2 <= len(audio))]
    some = whole[:: max(len(whole) // 500, 1)]
    if some.size == 0:
        return 1.0
    at = some[:, None] * HOP + np.arange(-N_FFT // 2, N_FFT // 2)
    power = np.abs(np.fft.rfft(audio[at] * np.hanning(N_FFT))) ** 2  # (frames, bins)
    hz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    number = np.maximum(np.rint(hz / f0_hz[some, None]), 1)
    off = np.abs(hz - number * f0_hz[some, None])
    near = off <= np.maximum(2.5 * hz[1], 0.02 * hz)
    return float(np.median((power * near).sum(axis=1) / power.sum(axis=1)))
