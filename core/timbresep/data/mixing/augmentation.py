"""Augmentation of a stem that keeps it the same instrument: pitch, equaliser, formants, reverb."""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft

from timbresep.units import pitch_ratio

Wave = NDArray[np.float32]

REVERB_S = 0.3  # reverberation time (60 dB) at most
KNOTS_HZ = np.geomspace(40.0, 20_000.0, 10)
THIRDS_HZ = 25.0 * 2 ** (np.arange(30) / 3)  # centres of third octaves, up to 20.3 kHz
FORMANT_DB = 15.0  # most that moved resonances raise or lower a frequency


def pitch_shift(wave: Wave, semitones: float, length: int) -> Wave:
    """Play a waveform faster or slower, so that it sounds `semitones` higher.

    Args:
        wave: (channels, samples); `length_for(length, semitones)` samples are enough.
        semitones: up if positive.
        length: samples wanted; missing ones at the end are zeros.
    Returns:
        (channels, length)
    """
    ratio = pitch_ratio(semitones)
    if semitones:
        wave = soxr.resample(wave.T, ratio * 48_000, 48_000, quality="MQ").T  # (channels, n)
    shifted = np.zeros((wave.shape[0], length), dtype=np.float32)
    kept = min(length, wave.shape[1])
    shifted[:, :kept] = wave[:, :kept]
    return shifted


def length_for(length: int, semitones: float) -> int:
    """Samples to read so that `length` remain after `pitch_shift`."""
    ratio: float = pitch_ratio(semitones)
    return math.ceil(length * ratio) + (64 if semitones else 0)


def augment(
    wave: Wave,
    rate: int,
    rng: np.random.Generator,
    *,
    eq_db: float = 0.0,
    reverb: float = 0.0,
    formants: float = 0.0,
) -> Wave:
    """Filter with a smooth random equaliser, move the formants, and add a short diffuse reverb.

    Args:
        wave: (channels, samples).
        rate: sample rate in Hz.
        rng: source of chance.
        eq_db: bound of the equaliser's gain in dB; it is drawn at ten log-spaced frequencies and
            interpolated between them.
        reverb: energy of the reverb relative to the direct sound; its reverberation time (60 dB)
            is 0.3 s at most.
        formants: semitones by which resonances move up while pitches stay: the body of a smaller
            instrument. They are what third octaves show of the whole waveform.
    Returns:
        (channels, samples): the filtered sound; the reverb's tail is cut at the end.
    """
    samples = wave.shape[1]
    tail = round(REVERB_S * rate)
    size = fft.next_fast_len(samples + tail, real=True)
    frequencies = fft.rfftfreq(size, 1 / rate)  # (bins,)
    gains_db = np.clip(rng.normal(0, eq_db / 2, len(KNOTS_HZ)), -eq_db, eq_db)
    positions = np.log(np.maximum(frequencies, 1.0))
    gain_db = np.interp(positions, np.log(KNOTS_HZ), gains_db)  # (bins,)
    spectrum = fft.rfft(wave, size, axis=1)  # (channels, bins)
    if formants:
        moved_db = _formant_gain(spectrum, frequencies, formants)
        gain_db += np.interp(positions, np.log(THIRDS_HZ[: len(moved_db)]), moved_db)
    response = (10 ** (gain_db / 20)).astype(np.complex64)
    if reverb > 0:
        time = np.arange(tail) / rate
        decay = float(rng.uniform(0.1, REVERB_S))
        impulse = rng.standard_normal(tail) * 10 ** (-3 * time / decay)
        impulse *= math.sqrt(reverb / float(np.sum(impulse**2)))
        impulse[: rate // 200] = 0  # the first reflection arrives after 5 ms
        response *= 1 + fft.rfft(impulse.astype(np.float32), size)
    filtered: Wave = fft.irfft(spectrum * response, size, axis=1)[:, :samples]
    return filtered.astype(np.float32, copy=False)


def _formant_gain(
    spectrum: NDArray[np.complexfloating], frequencies: NDArray[np.float64], semitones: float
) -> NDArray[np.float64]:
    """Gain in dB of each third octave that moves the spectrum's envelope by `semitones`."""
    edges = np.searchsorted(frequencies, THIRDS_HZ * 2 ** (-1 / 6))
    edges = edges[edges < len(frequencies)]
    power = np.add.reduceat(np.square(np.abs(spectrum)).sum(axis=0), edges)
    density = power / np.maximum(np.diff([*edges, len(frequencies)]), 1)
    # What lies 50 dB below the loudest third is no resonance, and nothing is to be raised to it.
    envelope = 10 * np.log10(np.maximum(density, 1e-5 * density.max() + 1e-20))
    places = np.arange(len(edges))
    moved = np.interp(places - semitones / 4, places, envelope)
    gain = np.clip(moved - envelope, -FORMANT_DB, FORMANT_DB)
    level = float(power @ 10 ** (gain / 10)) / max(float(power.sum()), 1e-20)
    gain_db: NDArray[np.float64] = gain - 10 * math.log10(max(level, 1e-20))
    return gain_db


def pan_gains(position: float) -> tuple[float, float]:
    """Left and right gain of a place between -1 (left) and 1 (right) at constant power.

    In the middle both are 1; at the side one is 0 and the other √2.
    """
    angle = (position + 1) * math.pi / 4
    return math.sqrt(2) * math.cos(angle), math.sqrt(2) * math.sin(angle)
