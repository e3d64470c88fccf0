"""Virtual instruments: each blended of two DDSP models, playing its part of a score."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from timbresep import audio
from timbresep.condition.tone_table import ToneTable
from timbresep.data.extras import full_band
from timbresep.data.extras.strangers import Draw
from timbresep.data.extras.virtual_voice import Timbre, VirtualVoice
from timbresep.data.recipe import Voice
from timbresep.data.rendering.casting import Performance, Player
from timbresep.data.rendering.strands import Touch, course, strands
from timbresep.data.rendering.tracks import fit
from timbresep.data.rendering.waveform import RATE, normalise
from timbresep.ddsp.model import DdspModel

SOURCE = "virtual instruments"
AGAINST_TYPE = 0.25
"""Share of virtual instruments that are plucked where their model is held, and held where not."""


@dataclass(frozen=True)
class Donor:
    """An instrument whose model virtual ones are blended of.

    Attributes:
        name: of the instrument.
        model: its DDSP model, pitched.
        sustained: notes are held; otherwise they decay.
        licences: terms of the model's weights and of what it was trained on.
    """

    name: str
    model: DdspModel
    sustained: bool
    licences: tuple[str, ...]


@dataclass(frozen=True)
class VirtualInstrument:
    """An instrument that exists in one track only.

    Attributes:
        name: of its stem; it follows from the table, so that it is nobody else's.
        voice: how it sounds.
        touch: how it plays.
        table: its tones, of which its conditions are measured.
        donors: those whose models it is blended of.
    """

    name: str
    voice: VirtualVoice
    touch: Touch
    table: ToneTable
    donors: tuple[Donor, Donor]

    @classmethod
    def draw(cls, donors: Sequence[Donor], rng: np.random.Generator) -> VirtualInstrument:
        """A random one, of two donors or more."""
        first, second = (donors[int(k)] for k in rng.permutation(len(donors))[:2])
        timbre = Timbre.draw(rng)
        nearer = first if timbre.weight < 0.5 else second
        touch = Touch.draw(nearer.sustained != bool(rng.random() < AGAINST_TYPE), rng)
        voice = VirtualVoice(first.model, second.model, timbre).eval()
        table = ToneTable.from_model(voice, voice.heard.f0_hz)
        digest = hashlib.sha256(table.distributions.tobytes() + table.noise.tobytes())
        return cls(f"virtual_{digest.hexdigest()[:12]}", voice, touch, table, (first, second))

    @property
    def source(self) -> str:
        """Where its sound comes from."""
        return SOURCE

    @property
    def sound(self) -> str:
        """Whose models it is blended of."""
        return " and ".join(donor.name for donor in self.donors)

    @property
    def licences(self) -> tuple[str, ...]:
        """Terms of the models that it is blended of, and of what they were trained on."""
        return tuple(terms for donor in self.donors for terms in donor.licences)

    def about(self) -> dict[str, object]:
        """What a track's file of tables says of it."""
        return {
            "donors": [donor.name for donor in self.donors],
            "timbre": asdict(self.voice.timbre),
            "touch": asdict(self.touch),
        }

    @property
    def player(self) -> Player:
        """It, as scores are set for it."""
        notes = [round(float(note)) for note in self.table.pitches]
        voice = Voice(
            range=(notes[0], notes[-1]),
            polyphonic=self.touch.polyphonic,
            sustained=self.touch.sustained,
        )
        return Player(self.name, voice, ())

    def play(
        self, performance: Performance, seconds: float, rng: np.random.Generator
    ) -> np.ndarray | None:
        """Its stem at the common loudness (samples,), or None when it is silent.

        Args:
            performance: what is played.
            seconds: length of the track.
            rng: source of chance.
        """
        voice = self.voice
        rate = voice.config.frame_rate
        frames = math.ceil(seconds * rate)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        wave = torch.zeros(frames * full_band.RATE // rate)  # (samples,)
        for strand in strands(performance.events, self.touch.polyphonic):
            f0_hz, loudness_db = course(
                strand,
                performance.controls,
                self.touch,
                voice.heard.loudness_db,
                frames,
                rate,
                rng,
            )
            with torch.no_grad():
                wave += voice(
                    torch.from_numpy(f0_hz)[None], torch.from_numpy(loudness_db)[None], generator
                )[0]
        return normalise(fit(audio.resample(wave[None].numpy(), full_band.RATE, RATE)[0], seconds))


def blends(donors: Sequence[Donor]) -> Draw:
    """Virtual instruments of two donors each, no two the same."""

    def draw(count: int, rng: np.random.Generator) -> list[VirtualInstrument]:
        return [VirtualInstrument.draw(donors, rng) for _ in range(count)]

    return draw
