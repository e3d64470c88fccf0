"""What players play with: a soundfont's program, or recorded notes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from timbresep.condition.tone_table import ToneTable
from timbresep.data.recipe import AnyVoice, Percussion, Soundfont
from timbresep.data.rendering import sampler
from timbresep.data.rendering.casting import Performance, Player
from timbresep.data.rendering.font_tones import tones_of
from timbresep.data.rendering.midi import PERCUSSION_CHANNEL, midi_file, tuning
from timbresep.data.rendering.recorded_tones import recorded_tones
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.waveform import RATE, normalise

FADE_S = 0.05


class Sound(Protocol):
    """What a player plays with."""

    @property
    def source(self) -> str:
        """Where it comes from: a soundfont, or a collection of recorded notes."""

    @property
    def label(self) -> str:
        """What it is, for people."""

    @property
    def licence(self) -> str:
        """Terms of it."""

    def play(
        self, performance: Performance, player: Player, seconds: float, *, cents: float = 0.0
    ) -> np.ndarray | None:
        """A stem at the common loudness (samples,), or None when it is silent.

        Args:
            performance: what is played.
            player: who plays.
            seconds: length of the track.
            cents: how far out of tune, where it can be tuned.
        """

    def tones(self, voice: AnyVoice, cache: Path | None) -> ToneTable | None:
        """Its tones, None where they are not measured.

        Args:
            voice: how it is played.
            cache: folder where the tones of soundfonts are kept; without one they are not measured.
        """


@dataclass(frozen=True)
class ProgramSound:
    """A program of a soundfont.

    Attributes:
        font: the soundfont.
        program: General MIDI program; for percussion, the kit.
        reverb: played with the renderer's reverb.
    """

    font: Soundfont
    program: int
    reverb: bool = False

    @property
    def source(self) -> str:
        """The soundfont."""
        return self.font.file

    @property
    def label(self) -> str:
        """The soundfont and the program."""
        return f"{self.font.file} program {self.program}"

    @property
    def licence(self) -> str:
        """Terms of the soundfont."""
        return self.font.licence

    def play(
        self, performance: Performance, player: Player, seconds: float, *, cents: float = 0.0
    ) -> np.ndarray | None:
        """As `Sound.play`; percussion has no tuning.

        Raises:
            MissingToolError: the soundfont, or the program that plays it, is missing.
        """
        tuned = cents and player.channel != PERCUSSION_CHANNEL
        controls = [*(tuning(cents) if tuned else []), *performance.controls]
        midi = midi_file(
            performance.events,
            controls,
            self.program,
            self.font.bank,
            seconds,
            channel=player.channel,
        )
        return normalise(
            _fit(render(midi, find_soundfont(self.font.file), reverb=self.reverb), seconds)
        )

    def tones(self, voice: AnyVoice, cache: Path | None) -> ToneTable | None:
        """As `Sound.tones`; percussion has none."""
        if cache is None or isinstance(voice, Percussion):
            return None
        return tones_of(self.font.file, self.program, self.font.bank, voice.range, cache)


@dataclass(frozen=True)
class RecordedSound:
    """Recorded notes: without the expression, vibrato and reverb that soundfonts have.

    Attributes:
        notes: the recordings.
        source: the collection.
        licence: its terms.
    """

    notes: sampler.Layers
    source: str
    licence: str
    label: str = "recorded notes"

    def play(
        self, performance: Performance, player: Player, seconds: float, *, cents: float = 0.0
    ) -> np.ndarray | None:
        """As `Sound.play`; recordings are as in tune as they are.

        Raises:
            AudioError: a recorded note cannot be read.
        """
        return normalise(_fit(sampler.play(performance.events, self.notes, seconds), seconds))

    def tones(self, voice: AnyVoice, cache: Path | None) -> ToneTable | None:
        """As `Sound.tones`; they need no cache, and percussion has none."""
        return None if isinstance(voice, Percussion) else recorded_tones(self.notes)


def _fit(wave: np.ndarray, seconds: float) -> np.ndarray:
    """Cut or pad to the track's length; a short fade keeps a cut release from clicking."""
    length, fade = round(seconds * RATE), round(FADE_S * RATE)
    fitted = np.zeros(length, dtype=np.float32)
    fitted[: min(length, len(wave))] = wave[:length]
    fitted[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return fitted
