"""Guests: instruments that no plugin is for, with the conditions of their own notes.

Trained on its plugins' instruments alone, a network hears a dozen timbres. A General MIDI soundfont
has many more, and so have collections of recorded notes; their conditions are measured on their own
notes, as a plugin author's would be.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pydantic

from timbresep.condition.tone_table import ToneTable
from timbresep.config import Model, PathText
from timbresep.data.extras.strangers import Draw
from timbresep.data.recipe import Soundfont, Voice
from timbresep.data.rendering import sampler as samples
from timbresep.data.rendering.casting import Performance, Player
from timbresep.data.rendering.font_tones import tones_of
from timbresep.data.rendering.recorded_tones import recorded_tones
from timbresep.data.rendering.sampler import Recordings, find_recordings
from timbresep.data.rendering.tracks import REVERB_SHARE, fit, play
from timbresep.data.rendering.waveform import normalise
from timbresep.errors import DataError
from timbresep.instrument import InstrumentName


class GuestFont(Model):
    """A soundfont of guests: its file, the terms of its samples, and its programs if not all."""

    file: PathText
    licence: str
    programs: list[int] | None = None


class Programs(Voice):
    """Programs that are played in one way."""

    programs: list[int] = pydantic.Field(min_length=1)


class Players(Model):
    """Players of recorded notes: a folder with a folder of notes for each, and their terms."""

    root: Path
    licence: str
    players: dict[InstrumentName, Voice] = pydantic.Field(min_length=1)


class GuestList(Model):
    """`guests.yaml`, validated: soundfonts and the programs that are guests, recorded players."""

    soundfonts: list[GuestFont] = []
    guests: list[Programs] = []
    recordings: list[Players] = []

    def invite(self, taken: Collection[int], least: int, cache: Path) -> list[Guest | Recorded]:
        """All guests but those whose programs are taken by plugins.

        Args:
            taken: General MIDI programs.
            least: how many there must be.
            cache: folder where what was heard of guests is kept.

        Raises:
            DataError: fewer are left; a player has no recorded notes.
        """
        found: list[Guest | Recorded] = [
            Guest(font, program, Voice(**programs.model_dump(exclude={"programs"})), cache)
            for font in self.soundfonts
            for programs in self.guests
            for program in programs.programs
            if program not in taken and program in (font.programs or range(128))
        ]
        for band in self.recordings:
            known = find_recordings(band.root, list(band.players), band.licence)
            found += [Recorded(name, known, voice) for name, voice in band.players.items()]
        if len(found) < least:
            raise DataError(
                f"{least} guests play in a track, and only {len(found)} are listed",
                "list more programs, soundfonts or recordings",
            )
        return found


@dataclass(frozen=True)
class Guest:
    """A program of a soundfont.

    Attributes:
        font: the soundfont.
        program: General MIDI program.
        voice: how it plays.
        cache: folder where its table is kept.
    """

    font: GuestFont
    program: int
    voice: Voice
    cache: Path

    @property
    def name(self) -> str:
        """Of its stems, in whatever track."""
        return f"guest_{Path(self.font.file).stem.lower()}_{self.program}"

    @property
    def soundfont(self) -> Soundfont:
        """As the renderer wants it."""
        return Soundfont(file=self.font.file, programs=[self.program], licence=self.font.licence)

    @property
    def player(self) -> Player:
        """It, as scores are set for it."""
        return Player(self.name, self.voice, (self.soundfont,))

    @property
    def source(self) -> str:
        """Where its sound comes from."""
        return self.font.file

    @property
    def sound(self) -> str:
        """Which program it is."""
        return f"{self.font.file} program {self.program}"

    @property
    def licences(self) -> tuple[str, ...]:
        """Terms of its sound."""
        return (self.font.licence,)

    def about(self) -> dict[str, object]:
        """What a track's file of tables says of it."""
        return {"soundfont": self.font.file, "program": self.program}

    def play(
        self, performance: Performance, seconds: float, rng: np.random.Generator
    ) -> np.ndarray | None:
        """Its stem at the common loudness (samples,), or None when it is silent."""
        reverb = bool(rng.random() < REVERB_SHARE)
        return play(performance, self.player, self.soundfont, self.program, seconds, reverb)

    @cached_property
    def table(self) -> ToneTable:
        """Its tones, of which its conditions are measured; errors as `font_tones.tones_of`."""
        return tones_of(self.font.file, self.program, 0, self.voice.range, self.cache)


@dataclass(frozen=True)
class Recorded:
    """A player of recorded notes.

    Attributes:
        folder: of its notes, which is what it is called.
        recordings: they, and those of its band.
        voice: how it plays.
    """

    folder: str
    recordings: Recordings
    voice: Voice

    @property
    def name(self) -> str:
        """Of its stems, in whatever track."""
        return f"guest_{self.recordings.name}_{self.folder}"

    @property
    def player(self) -> Player:
        """It, as scores are set for it."""
        return Player(self.name, self.voice, ())

    @property
    def source(self) -> str:
        """Where its sound comes from."""
        return self.recordings.name

    @property
    def sound(self) -> str:
        """Which notes it plays with."""
        return f"recorded notes, {self.recordings.name}/{self.folder}"

    @property
    def licences(self) -> tuple[str, ...]:
        """Terms of its sound."""
        return (self.recordings.licence,)

    def about(self) -> dict[str, object]:
        """What a track's file of tables says of it."""
        return {"recordings": self.recordings.name, "player": self.folder}

    def play(
        self, performance: Performance, seconds: float, rng: np.random.Generator
    ) -> np.ndarray | None:
        """Its stem at the common loudness (samples,), or None when it is silent."""
        wave = samples.play(performance.events, self._notes, seconds)
        return normalise(fit(wave, seconds))

    @property
    def table(self) -> ToneTable:
        """Its tones, of which its conditions are measured; DataError where its notes are short."""
        table = recorded_tones(self._notes)
        if table is None:
            raise DataError(
                f"{self.sound}: too short to be heard", "give recordings of half a second each"
            )
        return table

    @property
    def _notes(self) -> samples.Layers:
        return self.recordings.notes[self.folder]


def among(guests: Sequence[Guest | Recorded]) -> Draw:
    """Guests at random, none twice."""

    def draw(count: int, rng: np.random.Generator) -> list[Guest | Recorded]:
        return [guests[int(k)] for k in rng.choice(len(guests), count, replace=False)]

    return draw
