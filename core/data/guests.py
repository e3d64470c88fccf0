"""Guests: instruments of soundfonts that no plugin is for, with the conditions of their own notes.

Trained on its plugins' instruments alone, a network hears a dozen timbres. A General MIDI soundfont
has many more; their conditions are measured on their own notes, as a plugin author's would be.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pydantic

from core.condition.tone_table import ToneTable
from core.config import Model
from core.data.casting import Performance, Player
from core.data.font_tones import tones_of
from core.data.recipe import Soundfont, Voice
from core.data.rendered import REVERB_SHARE, play
from core.data.strangers import Draw
from core.errors import DataError


class GuestFont(Model):
    """A soundfont of guests: its file, the terms of its samples, and its programs if not all."""

    file: str
    licence: str
    programs: list[int] | None = None


class Programs(Voice):
    """Programs that are played in one way."""

    programs: list[int] = pydantic.Field(min_length=1)


class GuestList(Model):
    """`guests.yaml`, validated: soundfonts, and the programs that are guests."""

    soundfonts: list[GuestFont] = pydantic.Field(min_length=1)
    guests: list[Programs] = pydantic.Field(min_length=1)

    def invite(self, taken: Collection[int], least: int, cache: Path) -> list[Guest]:
        """All guests but those whose programs are taken by plugins.

        Args:
            taken: General MIDI programs.
            least: how many there must be.
            cache: folder where what was heard of guests is kept.

        Raises:
            DataError: fewer are left.
        """
        found = [
            Guest(font, program, Voice(**programs.model_dump(exclude={"programs"})), cache)
            for font in self.soundfonts
            for programs in self.guests
            for program in programs.programs
            if program not in taken and program in (font.programs or range(128))
        ]
        if len(found) < least:
            raise DataError(
                f"{least} guests play in a track, and only {len(found)} are listed",
                "list more programs or soundfonts",
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


def among(guests: Sequence[Guest]) -> Draw:
    """Guests at random, none twice."""

    def draw(count: int, rng: np.random.Generator) -> list[Guest]:
        return [guests[int(k)] for k in rng.choice(len(guests), count, replace=False)]

    return draw
