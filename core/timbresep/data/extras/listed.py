"""The list of extra instruments: programs of soundfonts that no plugin is for.

Trained on plugins' instruments only, a network learns a dozen timbres. A General MIDI soundfont has
many more; their conditions are measured on their own notes, as those of a new plugin are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pydantic

from timbresep.config import ROOT, Model, PathText
from timbresep.data.recipe import Soundfont, Voice
from timbresep.data.rendering.band import Member
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.sound import ProgramSound

BUNDLED = ROOT / "plugins/extras.yaml"
"""The list that comes with the program."""


class ExtraFont(Model):
    """A soundfont of extra instruments.

    Attributes:
        file: its file name, or path.
        licence: terms of its samples.
        programs: those of the listed programs that it plays; all if not given.
    """

    file: PathText
    licence: str
    programs: list[int] | None = None


class Programs(Voice):
    """Programs that are played in one way.

    Attributes:
        programs: General MIDI programs, from 0.
    """

    programs: list[int] = pydantic.Field(min_length=1)


@dataclass(frozen=True)
class ExtraInstrument:
    """A program of a soundfont as an instrument.

    Attributes:
        font: the soundfont, with only this program.
        voice: how it plays.
    """

    font: Soundfont
    voice: Voice

    @property
    def program(self) -> int:
        """General MIDI program."""
        return self.font.programs[0]

    @property
    def name(self) -> str:
        """Name of its stems in every track."""
        return f"extra_{Path(self.font.file).stem.lower()}_{self.program}"

    def member(self, *, reverb: bool) -> Member:
        """The instrument as a member of a track's band."""
        player = Player(self.name, self.voice, (self.font,))
        return Member(player, ProgramSound(self.font, self.program, reverb), extra=True)


class ExtraList(Model):
    """`extras.yaml`, validated.

    Attributes:
        soundfonts: where extra instruments come from.
        instruments: programs, by the way in which they are played.
    """

    soundfonts: list[ExtraFont] = pydantic.Field(min_length=1)
    instruments: list[Programs] = pydantic.Field(min_length=1)

    def without(self, taken: Collection[int]) -> list[ExtraInstrument]:
        """All of them but those whose General MIDI programs are taken by plugins."""
        return [
            ExtraInstrument(
                Soundfont(file=font.file, programs=[program], licence=font.licence),
                Voice(**row.model_dump(exclude={"programs"})),
            )
            for font in self.soundfonts
            for row in self.instruments
            for program in row.programs
            if program not in taken and program in (font.programs or range(128))
        ]
