"""Virtual voices: instruments that nobody built, between, around and beyond those at hand.

Two models answer, and their spectra are blended in dB; the blend is coloured. All of it happens
to the synthesiser's controls, so a table of a virtual voice's tones is as exact as a model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from timbresep.data.extras import full_band
from timbresep.data.extras.full_band import Spectrum
from timbresep.ddsp.decoder import Controls, DecoderConfig
from timbresep.ddsp.model import DdspModel, Heard

WEIGHTS = (-0.3, 1.3)
QUIETER, LOUDER = 20.0, 6.0
"""dB beyond the outer quartiles of loudness to which models are asked; the rest is gain."""

LEAST_RANGE = 15.0
"""Semitones that a virtual voice plays, at the least."""


class Formant(NamedTuple):
    """A resonance, or a hollow: a bell of `db` at `hz`, `octaves` wide (standard deviation)."""

    hz: float
    octaves: float
    db: float


@dataclass(frozen=True)
class Timbre:
    """How a virtual voice is made of two models.

    Attributes:
        weight: of the second model in the blend of their dB: 0 is the first, 1 the second, and
            beyond both what tells them apart is exaggerated.
        shift: semitones by which the models are asked for higher notes than are played.
        tilt_db: dB that harmonics gain with each octave above the fundamental.
        even_db: gain of the even harmonics.
        noise_db: gain of the noise.
        formants: a filter after the source, on harmonics and noise alike.
        uneven_db: gain of each harmonic (256,), the same at all pitches.
    """

    weight: float = 0.0
    shift: float = 0.0
    tilt_db: float = 0.0
    even_db: float = 0.0
    noise_db: float = 0.0
    formants: tuple[Formant, ...] = ()
    uneven_db: tuple[float, ...] = (0.0,) * full_band.HARMONICS

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Timbre:
        """A random one."""
        hollow = rng.random() < 0.3  # as in closed pipes, even harmonics are weak
        bells = int(rng.integers(2, 6))
        centres = np.exp2(rng.uniform(np.log2(150.0), np.log2(9000.0), bells))
        return cls(
            weight=float(rng.uniform(*WEIGHTS)),
            shift=float(np.clip(rng.normal(0, 3), -7, 7)),
            tilt_db=float(np.clip(rng.normal(0, 2), -5, 4)),
            even_db=float(rng.uniform(-18, -4) if hollow else rng.normal(0, 1.5)),
            noise_db=float(np.clip(rng.normal(-2, 5), -14, 9)),
            formants=tuple(
                Formant(float(hz), float(rng.uniform(0.2, 0.9)), float(rng.normal(0, 5)))
                for hz in centres
            ),
            uneven_db=tuple(rng.normal(0, 1.5, full_band.HARMONICS).tolist()),
        )

    def curve(self, hertz: Tensor) -> Tensor:
        """Gain of the formants in dB at frequencies in Hz, any shape."""
        octaves = torch.log2(hertz.clamp_min(20.0))
        gain = torch.zeros_like(octaves)
        for formant in self.formants:
            away = (octaves - float(np.log2(formant.hz))) / formant.octaves
            gain = gain + formant.db * torch.exp(-0.5 * away.square())
        return gain


class VirtualVoice(nn.Module):
    """A voice blended of two models. It is asked for tones as a model is.

    Args:
        first, second: models of pitched instruments.
        timbre: how they are blended and coloured.
    """

    uneven: Tensor

    def __init__(self, first: DdspModel, second: DdspModel, timbre: Timbre) -> None:
        super().__init__()
        self.first, self.second, self.timbre = first, second, timbre
        self.config = DecoderConfig()
        share = float(np.clip(timbre.weight, 0, 1))
        ends = np.log2([first.heard.f0_hz, second.heard.f0_hz])  # (models, 2)
        lowest, highest = (1 - share) * ends[0] + share * ends[1]
        missing = max(0.0, LEAST_RANGE / 12 - (highest - lowest)) / 2
        between = (1 - share) * np.array(first.heard.loudness_db)
        between = between + share * np.array(second.heard.loudness_db)
        self.heard = Heard(
            (float(between[0]), float(between[1]), float(between[2])),
            (float(2 ** (lowest - missing)), float(2 ** (highest + missing))),
        )
        self.register_buffer("uneven", torch.tensor(timbre.uneven_db), persistent=False)

    def spectrum(self, f0_hz: Tensor, loudness_db: Tensor, harmonics: int) -> Spectrum:
        """The full band of a course of pitch and loudness.

        Args:
            f0_hz: (batch, frames), above 0 Hz.
            loudness_db: (batch, frames), A-weighted dB; what is softer or louder than the models
                have heard is a matter of gain.
            harmonics: how many are wanted.
        """
        softest, middle, loudest = self.heard.loudness_db
        asked = loudness_db.clamp(softest - QUIETER, loudest + LOUDER)
        first, second = (
            self._answer(model, f0_hz, asked + model.heard.loudness_db[1] - middle, harmonics)
            for model in (self.first, self.second)
        )
        timbre = self.timbre
        gain = (loudness_db - asked)[..., None]  # (batch, frames, 1)
        numbers = torch.arange(1, harmonics + 1)
        source = self.uneven[:harmonics] + timbre.tilt_db * torch.log2(numbers)
        source = source + timbre.even_db * (numbers % 2 == 0)  # (harmonics,)
        heights = torch.lerp(first.harmonics, second.harmonics, timbre.weight) + gain
        heights = heights + source + timbre.curve(f0_hz[..., None] * numbers)
        noise = torch.lerp(first.noise, second.noise, timbre.weight) + gain
        noise = noise + timbre.noise_db + timbre.curve(full_band.noise_hz())
        return Spectrum(heights, noise)

    def controls(self, f0_hz: Tensor, loudness_db: Tensor) -> Controls:
        """What `spectrum` gives, as far as a model's controls tell it.

        Args:
            f0_hz: (batch, frames), above 0 Hz.
            loudness_db: (batch, frames), A-weighted dB.
        """
        spectrum = self.spectrum(f0_hz, loudness_db, self.config.n_harmonics)
        return full_band.narrow(spectrum, f0_hz[..., None], self.config.sample_rate)

    def forward(
        self, f0_hz: Tensor, loudness_db: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Play.

        Args:
            f0_hz: (batch, frames), above 0 Hz.
            loudness_db: (batch, frames), A-weighted dB.
            generator: source of the noise, for repeatable audio.

        Returns:
            Audio (batch, frames · 192) at 48 kHz.
        """
        spectrum = self.spectrum(f0_hz, loudness_db, full_band.harmonics_of(f0_hz))
        return full_band.play(spectrum, f0_hz[..., None], self.config.frame_rate, generator)

    def _answer(
        self, model: DdspModel, f0_hz: Tensor, loudness_db: Tensor, harmonics: int
    ) -> Spectrum:
        """A model's spectrum, number by number of the harmonics, for the nearest note it knows."""
        asked = (f0_hz * 2 ** (self.timbre.shift / 12)).clamp(*model.heard.f0_hz)
        return full_band.widen(model.controls(asked, loudness_db), asked[..., None], harmonics)
