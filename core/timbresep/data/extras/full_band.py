"""From a model's controls, which end at 8 kHz, to audio of the full band.

What lies above is a guess that ears accept: the upper harmonics and the upper noise go on along
the straight line (dB over octaves) that fits their last octave.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from timbresep.ddsp import synthesis
from timbresep.ddsp.decoder import Controls

NYQUIST = 8000.0
"""Where the models' band ends, Hz."""

EDGE = 7200.0
"""Hz from which the resampler thinned out the noise that the models have heard."""

RATE = 48_000
"""Of the full band, Hz: a whole number of samples for each of 250 frames a second."""

TOP = 20_000.0
"""Hz above which there are no harmonics."""

HARMONICS = 256
"""As many as there are at the most, however low the note."""

NOISE_STEP = 125.0
MAGNITUDES = 1 + round(RATE / 2 / NOISE_STEP)
KNOWN = 1 + round(NYQUIST / NOISE_STEP)
"""Magnitudes of the noise in the full band and in the models' band, `NOISE_STEP` Hz apart."""

QUIET_DB = -100.0
"""Harmonics count as this far below a frame's strongest, at the least."""

NOISE_FLOOR_DB = -90.0
"""Magnitudes of the noise count as this at the least."""

HARMONIC_SLOPES = (-36.0, -3.0)
NOISE_SLOPES = (-18.0, 0.0)
"""Steepest and flattest line that goes on, in dB an octave."""


class Spectrum(NamedTuple):
    """What the synthesiser plays, per frame, in dB of amplitude.

    Attributes:
        harmonics: of each harmonic (batch, frames, harmonics).
        noise: of the noise filter's magnitudes, 125 Hz apart, up to 8 kHz (batch, frames, 65).
    """

    harmonics: Tensor
    noise: Tensor


def widen(controls: Controls, f0_hz: Tensor, harmonics: int) -> Spectrum:
    """Carry a model's harmonics on above 8 kHz, and beyond its last one.

    Args:
        controls: of the model.
        f0_hz: the fundamental that it was asked for, above 0 Hz (batch, frames, 1).
        harmonics: how many are wanted.
    """
    heights = to_db(controls.amplitude * controls.distribution)  # (batch, frames, K)
    given = heights.shape[-1]
    heights = functional.pad(heights, (0, max(0, harmonics - given)))
    numbers = torch.arange(1, heights.shape[-1] + 1, dtype=heights.dtype)
    known = (numbers * f0_hz < NYQUIST) & (numbers <= given)
    count = known.sum(dim=-1, keepdim=True)  # (batch, frames, 1)
    known = known | (numbers == 1)
    line = _line(heights, torch.log2(numbers), known & (numbers > count / 2), HARMONIC_SLOPES)
    heights = torch.where(known, heights, line)
    strongest = heights.amax(dim=-1, keepdim=True)

    noise = to_db(controls.noise).clamp_min(NOISE_FLOOR_DB)
    noise = functional.interpolate(noise, KNOWN, mode="linear", align_corners=True)
    return Spectrum(torch.maximum(heights, strongest + QUIET_DB)[..., :harmonics], noise)


def narrow(spectrum: Spectrum, f0_hz: Tensor, sample_rate: int) -> Controls:
    """The part of a spectrum that a model's controls tell: a table of tones is made of these.

    Args:
        spectrum: what is played.
        f0_hz: fundamental in Hz (batch, frames, 1).
        sample_rate: twice the frequency, in Hz, at which they end.
    """
    heights = from_db(spectrum.harmonics)
    heights = synthesis.remove_above_nyquist(heights, f0_hz, sample_rate)
    return Controls(
        heights.sum(dim=-1, keepdim=True),
        synthesis.normalize_harmonics(heights),
        from_db(spectrum.noise),
    )


def harmonics_of(f0_hz: Tensor) -> int:
    """How many harmonics the lowest of some fundamentals in Hz has below 20 kHz."""
    return min(HARMONICS, math.ceil(TOP / float(f0_hz.min())))


def play(
    spectrum: Spectrum, f0_hz: Tensor, frame_rate: int, generator: torch.Generator | None = None
) -> Tensor:
    """The audio of a spectrum.

    Args:
        spectrum: what is played.
        f0_hz: fundamental in Hz (batch, frames, 1).
        frame_rate: Hz; divides 48 kHz.
        generator: source of the noise, for repeatable audio.

    Returns:
        Audio (batch, frames · 48000 / frame_rate) at 48 kHz.
    """
    samples = f0_hz.shape[1] * RATE // frame_rate
    heights = synthesis.remove_above_nyquist(from_db(spectrum.harmonics), f0_hz, round(2 * TOP))
    one = torch.ones_like(f0_hz)
    tone = synthesis.harmonic_oscillators(f0_hz, one, heights, samples, RATE)
    density = math.sqrt(RATE / 2 / NYQUIST)  # the same power in each hertz as in 8 kHz
    gains = density * from_db(_upper_noise(spectrum.noise))  # (batch, frames, 193)
    return tone + synthesis.filtered_noise(gains, samples, generator)


def noise_hz(magnitudes: int = KNOWN) -> Tensor:
    """Frequencies of the noise magnitudes in Hz (magnitudes,)."""
    return torch.arange(magnitudes) * NOISE_STEP


def to_db(amplitude: Tensor) -> Tensor:
    """Amplitudes in dB; −160 dB at least."""
    return 20 * torch.log10(amplitude.clamp_min(1e-8))


def from_db(level: Tensor) -> Tensor:
    """Amplitudes of levels in dB."""
    return torch.exp(level * (math.log(10) / 20))


def _upper_noise(noise: Tensor) -> Tensor:
    """Noise magnitudes in dB up to 24 kHz (batch, frames, 193), from those up to 8 kHz.

    The dip that resampling left below 8 kHz goes: it is in all models, and in no instrument.
    """
    values = functional.pad(noise, (0, MAGNITUDES - KNOWN))
    hertz = noise_hz(MAGNITUDES)
    used = (hertz > NYQUIST / 2) & (hertz < EDGE)
    line = _line(values, torch.log2(hertz.clamp_min(1.0)), used.expand_as(values), NOISE_SLOPES)
    return torch.where(hertz < EDGE, values, line)


def _line(values: Tensor, octaves: Tensor, used: Tensor, slopes: tuple[float, float]) -> Tensor:
    """The straight line (batch, frames, n) that fits the `used` values best, its slope bounded.

    Args:
        values: in dB (batch, frames, n).
        octaves: where they lie (n,).
        used: which are fitted (batch, frames, n); where it is one alone, the slope is −12 dB.
        slopes: steepest and flattest, dB an octave.
    """
    weight = used.to(values.dtype)
    count = weight.sum(dim=-1, keepdim=True).clamp_min(1)
    middle = (weight * octaves).sum(dim=-1, keepdim=True) / count
    mean = (weight * values).sum(dim=-1, keepdim=True) / count
    offset = weight * (octaves - middle)
    spread = offset.square().sum(dim=-1, keepdim=True)
    slope = (offset * values).sum(dim=-1, keepdim=True) / spread.clamp_min(1e-6)
    slope = torch.where(spread > 1e-6, slope, torch.full_like(slope, -12.0))
    return mean + slope.clamp(*slopes) * (octaves - middle)
