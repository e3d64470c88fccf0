"""One stem of a mixture: read, shifted, augmented and placed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timbresep import audio
from timbresep.data.mixing.augmentation import augment, length_for, pan_gains, pitch_shift
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.planner import Pick
from timbresep.data.reader import StemReader
from timbresep.units import db_to_amplitude

Wave = NDArray[np.float32]

REVERB_POWER = (0.02, 0.3)
"""Least and most energy of a reverb, relative to the direct sound."""


class StemMaker:
    """Makes the stems of mixtures from files.

    Args:
        config: how mixtures are made.
    """

    def __init__(self, config: MixConfig) -> None:
        self.config = config
        self.reader = StemReader(config.memory_mb)

    def make(self, pick: Pick, *, centred: bool, rng: np.random.Generator) -> Wave:
        """One stem as it sounds in a mixture, (channels, samples).

        Args:
            pick: which one, from where, at which pitch.
            centred: in the middle, instead of anywhere.
            rng: source of chance.

        Raises:
            AudioError: this part of the file cannot be read.
        """
        return self._placed(self._augmented(self._shifted(pick), rng), centred=centred, rng=rng)

    def _shifted(self, pick: Pick) -> Wave:
        """The part of a file at the mixture's rate and the pitch that is wanted."""
        config, track = self.config, pick.track
        length = length_for(config.samples, pick.semitones)
        needed = length if track.rate == config.rate else -(-length * track.rate // config.rate)
        start, end = track.first + pick.start, track.first + track.frames
        wave = self.reader.window(track.stems[pick.label], start, needed, end)
        if track.rate != config.rate:
            wave = audio.resample(wave, track.rate, config.rate)
        wave = pitch_shift(wave, pick.semitones, config.samples)
        if wave.shape[0] > 2 or config.channels == 1:
            wave = wave.mean(axis=0, keepdims=True)
        return wave

    def _augmented(self, wave: Wave, rng: np.random.Generator) -> Wave:
        config = self.config
        equalised, roomy = rng.random() < config.eq_share, rng.random() < config.reverb_share
        bound = config.formant_semitones if rng.random() < config.formant_share else 0.0
        if not (equalised or roomy or bound):
            return wave
        reverb = float(rng.uniform(*REVERB_POWER)) if roomy else 0.0
        eq_db, formants = config.eq_db if equalised else 0.0, float(rng.uniform(-bound, bound))
        return augment(wave, config.rate, rng, eq_db=eq_db, reverb=reverb, formants=formants)

    def _placed(self, wave: Wave, *, centred: bool, rng: np.random.Generator) -> Wave:
        """A stem with its gain, between left and right."""
        config = self.config
        gain = db_to_amplitude(float(rng.uniform(*config.gain_db)))
        place = 0.0 if centred else float(rng.uniform(-config.pan, config.pan))
        if config.channels == 1:
            return wave * np.float32(gain)
        gains = np.array(pan_gains(place), dtype=np.float32)[:, None] * np.float32(gain)
        return wave * gains  # (2, samples); a mono stem is spread over both channels
