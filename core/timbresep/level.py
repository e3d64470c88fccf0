"""Bring music to the level that a network was trained at.

A network that looks at magnitudes knows one level. A quiet recording, or a quiet passage of one, is
brought there before it is separated; its stems go back to the level of the file.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from timbresep.units import db_to_power

LEVEL_DB = -16.0
"""Mean power that networks are trained at, re full scale. Chosen for the separator that ships on 26
validation tracks, of which -17.5 and -14.5 dB cost 0.02 dB at most, and -19 dB 0.03."""

FRAME_S = 0.2
SPAN_S = 5.0
"""A frame's level is the median of its neighbours' over this time: notes come and go within it, a
passage that is softer throughout is brought up as a whole, and from its first note on."""

SILENT_DB = 60.0
"""A frame this far below the loudest counts as a rest, and gets its neighbours' level."""

Gains = NDArray[np.float64]


def gains(wave: NDArray[np.float32], rate: int) -> Gains:
    """Factors that bring music to `LEVEL_DB`, smooth over time.

    Args:
        wave: (channels, samples).
        rate: Hz.

    Returns:
        (samples,) greater than 0; ones where all is silent.
    """
    power = np.square(wave, dtype=np.float64).mean(axis=0)  # (samples,)
    samples = len(power)
    frame = min(round(FRAME_S * rate), samples)
    count = -(-samples // frame)
    frames = np.pad(power, (0, count * frame - samples), mode="edge").reshape(count, frame)
    energy = frames.mean(axis=1)
    sounding = energy > energy.max() * db_to_power(-SILENT_DB)
    if not sounding.any():
        return np.ones(samples)
    level = 10 * np.log10(energy[sounding])
    level = median_filter(level, 2 * round(SPAN_S / FRAME_S / 2) + 1, mode="reflect")
    number = np.arange(count)
    level = np.interp(number, number[sounding], level)
    centres = (number + 0.5) * frame
    wanted: Gains = 10 ** ((LEVEL_DB - np.interp(np.arange(samples) + 0.5, centres, level)) / 20)
    return wanted
