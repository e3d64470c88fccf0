"""`recipe.yaml`: where an instrument's training audio comes from and how it is performed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic

from core.config import Model, load_yaml


class Soundfont(Model):
    """A soundfont and the General MIDI programs of the instrument in it."""

    file: str
    programs: list[Annotated[int, pydantic.Field(ge=0, le=127)]] = pydantic.Field(min_length=1)
    licence: str
    bank: int = pydantic.Field(default=0, ge=0, le=127)


class Voice(Model):
    """How the instrument performs a part.

    Attributes:
        range: lowest and highest MIDI note it plays; parts are transposed by octaves into it.
        polyphonic: may add the other parts' notes as chords or arpeggios.
        sustained: notes are held and swell (expression and vibrato); otherwise they decay.
    """

    range: tuple[int, int]
    polyphonic: bool = False
    sustained: bool = True

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> Voice:
        if not 0 <= self.range[0] < self.range[1] - 12 <= 115:
            raise ValueError("range must be [lowest, highest] MIDI notes, over an octave apart")
        return self


class StemsSpec(Model):
    """Source `kind: stems`: a folder of tracks, each a folder of stem files named by instrument.

    `root` is relative to the recipe's data root (the repository or a folder given by the user).
    """

    kind: Literal["stems"]
    root: str
    licence: str


class RenderedSpec(Model):
    """Source `kind: rendered`: chorales performed by casts of the instruments being trained.

    Attributes:
        soundfonts: each with this instrument's programs.
        tracks: how many tracks to render in all.
        seconds: longest track.
        parts: players in a track.
    """

    kind: Literal["rendered"]
    soundfonts: list[Soundfont] = pydantic.Field(min_length=1)
    tracks: pydantic.PositiveInt = 120
    seconds: pydantic.PositiveFloat = 45.0
    parts: pydantic.PositiveInt = 4


class SolosSpec(Model):
    """How solo recordings for the instrument's DDSP model are rendered.

    Attributes:
        soundfonts: each with this instrument's programs.
        range: lowest and highest MIDI note; the voice's range unless given.
        minutes: length in all.
    """

    soundfonts: list[Soundfont] = pydantic.Field(min_length=1)
    range: tuple[int, int] | None = None
    minutes: pydantic.PositiveFloat = 6.0


Spec = Annotated[StemsSpec | RenderedSpec, pydantic.Field(discriminator="kind")]


class Recipe(Model):
    """`recipe.yaml`, validated. `use` names the sources that training takes by default."""

    use: list[str] = pydantic.Field(min_length=1)
    voice: Voice
    sources: dict[str, Spec]
    solos: SolosSpec | None = None

    @pydantic.model_validator(mode="after")
    def _known(self) -> Recipe:
        for name in self.use:
            if name not in self.sources:
                raise ValueError(f"use: '{name}' is not one of sources: {', '.join(self.sources)}")
        return self


def load(path: Path) -> Recipe:
    """Read and validate a recipe.

    Raises:
        ConfigError: missing file, unknown key or bad value.
    """
    return load_yaml(path, Recipe)
