"""Harmonic distributions and noise of recorded tones, without a model in between.

A DDSP model is asked for steady tones (`timbresep.condition.tone_table`); an instrument that can be
played note by note, such as a program of a soundfont, is simply heard. The values mean the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from timbresep.condition.tone_table import BANDS, NYQUIST, Array, band_edges

HARMONICS = 60
RATE = round(2 * NYQUIST)  # Hz
NEAR = 0.25
"""Power within this share of the fundamental around a multiple of it counts as the harmonic."""


def shares(wave: Array, f0_hz: float) -> tuple[Array, Array]:
    """What a steady tone consists of.

    Half of the spectrum lies near multiples of the fundamental, half between them. What lies
    between is noise, and as much of it is taken to lie under the harmonics.

    Args:
        wave: the tone (samples,) at 16 kHz; eight periods or more.
        f0_hz: its fundamental.

    Returns:
        Shares of the harmonics' amplitudes (60,), summing to 1, those above 8 kHz being 0; and
        shares of the whole power in bands of the noise (16,).
    """
    window = np.hanning(len(wave))
    power = np.abs(np.fft.rfft(wave * window)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE)
    number = np.rint(hertz / f0_hz).astype(int)  # the multiple that a bin is nearest to
    near = np.abs(hertz / f0_hz - number) <= NEAR
    known = min(HARMONICS, int(NYQUIST / f0_hz - NEAR))
    inside, between = (
        np.bincount(number[which], power[which], number[-1] + 1) for which in (near, ~near)
    )
    partials = np.zeros(HARMONICS)
    partials[:known] = np.maximum(inside - between, 0)[1 : known + 1]
    band = np.clip(np.searchsorted(band_edges(), hertz, side="right") - 1, 0, BANDS - 1)
    noise = 2.0 * np.bincount(band[~near], power[~near], BANDS).astype(np.float64)
    whole = partials.sum() + noise.sum()
    amplitudes = np.sqrt(partials)
    return _share(amplitudes, float(amplitudes.sum())), _share(noise, float(whole))


def _share(values: npt.NDArray[np.float64], whole: float) -> Array:
    part: Array = (values / max(whole, 1e-20)).astype(np.float32)
    return part
