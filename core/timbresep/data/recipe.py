"""`recipe.yaml`: where an instrument's training audio comes from and how it is performed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic

from timbresep.config import Amount, Model, PathText, load_yaml


def _wide(notes: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= notes[0] < notes[1] - 12 <= 115:
        raise ValueError("range must be [lowest, highest] MIDI notes, over an octave apart")
    return notes


Range = Annotated[tuple[int, int], pydantic.AfterValidator(_wide)]  # MIDI notes


class Soundfont(Model):
    """A soundfont and the General MIDI programs of the instrument in it.

    Attributes:
        file: its file name, or path.
        programs: for percussion, the kits.
        licence: terms of its samples.
        bank: bank of the programs; kits have their own.
        range: lowest and highest MIDI note of these programs, where it is not the voice's.
    """

    file: PathText
    programs: list[Annotated[int, pydantic.Field(ge=0, le=127)]] = pydantic.Field(min_length=1)
    licence: str
    bank: int = pydantic.Field(default=0, ge=0, le=127)
    range: Range | None = None


class Voice(Model):
    """How a pitched instrument performs a part.

    Attributes:
        range: lowest and highest MIDI note it plays; parts are transposed by octaves into it.
        polyphonic: may add the other parts' notes as chords or arpeggios.
        sustained: notes are held and swell (expression and vibrato); otherwise they decay.
    """

    range: Range
    polyphonic: bool = False
    sustained: bool = True


class Percussion(Model):
    """How an unpitched instrument performs: patterns in the piece's tempo and bars, not a part.

    Attributes:
        percussion: true; it says that this is not a pitched voice.
    """

    percussion: Literal[True]


def _performance(voice: object) -> str:
    percussive = isinstance(voice, Percussion) or (
        isinstance(voice, dict) and "percussion" in voice
    )
    return "unpitched" if percussive else "pitched"


AnyVoice = Annotated[
    Annotated[Voice, pydantic.Tag("pitched")] | Annotated[Percussion, pydantic.Tag("unpitched")],
    pydantic.Discriminator(_performance),
]


class FolderSpec(Model):
    """A folder of your own recordings.

    `kind: stems`: a folder of tracks, each a folder of stem files named by instrument.
    `kind: instrument_folders`: a folder for each instrument, with recordings in it.
    `kind: solos`: recordings of this recipe's instrument alone.

    Attributes:
        kind: how the recordings lie, as above.
        root: the folder, relative to the recipe's own or to the repository.
        licence: terms of the audio.
        names: stem → instrument, for names that only this collection uses.
    """

    kind: Literal["stems", "instrument_folders", "solos"]
    root: PathText
    licence: str
    names: dict[str, str] = {}


class DatasetSpec(Model):
    """A published dataset, by its name in `timbresep.data.sources.kinds`.

    Attributes:
        kind: which dataset it is.
        root: its folder; empty if it is always given by `--data NAME=FOLDER`.
        licence: terms of the audio; the dataset's own unless given.
        names: the dataset's label → instrument; those of all recipes count together.
        bleed: whether to use recordings in which other instruments can be heard, too.
    """

    kind: Literal["musdb", "medleydb", "moisesdb", "slakh", "musicnet"]
    root: PathText = ""
    licence: str = ""
    names: dict[str, str] = {}
    bleed: bool = False


class RenderedSpec(Model):
    """Source `kind: rendered`: chorales performed by casts of the instruments being trained.

    Attributes:
        kind: says that scores are rendered.
        soundfonts: each with this instrument's programs.
        tracks: how many tracks to render in all.
        seconds: longest track.
        parts: players in a track.
    """

    kind: Literal["rendered"]
    soundfonts: list[Soundfont] = pydantic.Field(min_length=1)
    tracks: Annotated[int, pydantic.Field(gt=0, le=1_000_000)] = 120
    seconds: Amount = 45.0
    parts: Annotated[int, pydantic.Field(gt=0, le=100)] = 4


class Samples(Model):
    """Recordings of single notes, in files such as `D#4v8.ogg`: note, octave, velocity layer.

    Attributes:
        name: a folder in `samples` in the cache; it is played when it is there.
        licence: terms of the recordings.
    """

    name: str = pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")
    licence: str


class SolosSpec(Model):
    """How solo recordings for the instrument's DDSP model are rendered.

    Attributes:
        soundfonts: each with this instrument's programs.
        samples: recordings to play as well, half as long as the soundfonts each.
        range: lowest and highest MIDI note; the voice's range unless given.
        minutes: length in all, of the soundfonts.
    """

    soundfonts: list[Soundfont] = pydantic.Field(min_length=1)
    samples: list[Samples] = []
    range: Range | None = None
    minutes: Amount = 6.0


Spec = Annotated[FolderSpec | DatasetSpec | RenderedSpec, pydantic.Field(discriminator="kind")]


class Recipe(Model):
    """Where an instrument's training audio comes from, and how it is performed.

    Attributes:
        use: names of the sources that training takes by default.
        voice: how the instrument performs a part of a score.
        sources: where training audio comes from, each by a name of its own.
        solos: how solo recordings for the instrument's voice are rendered.
    """

    use: list[str] = pydantic.Field(min_length=1)
    voice: AnyVoice
    sources: dict[str, Spec]
    solos: SolosSpec | None = None

    @property
    def soundfonts(self) -> list[Soundfont]:
        """All that its sources and solos are rendered with."""
        specs = [*self.sources.values(), *([self.solos] if self.solos else [])]
        return [
            font
            for spec in specs
            if isinstance(spec, RenderedSpec | SolosSpec)
            for font in spec.soundfonts
        ]

    @property
    def programs(self) -> set[int]:
        """General MIDI programs that sound like the instrument; percussion has kits instead."""
        if isinstance(self.voice, Percussion):
            return set()
        return {program for font in self.soundfonts for program in font.programs}

    @pydantic.model_validator(mode="after")
    def _known(self) -> Recipe:
        for name in self.use:
            if name not in self.sources:
                raise ValueError(f"use: '{name}' is not one of sources: {', '.join(self.sources)}")
        return self

    @pydantic.model_validator(mode="after")
    def _unpitched(self) -> Recipe:
        ranged = any(font.range for font in self.soundfonts) or (
            self.solos is not None and self.solos.range
        )
        if isinstance(self.voice, Percussion) and ranged:
            raise ValueError("percussion has no range: it plays keys of a kit, not notes")
        return self


def load(path: Path) -> Recipe:
    """Read and validate a recipe.

    Raises:
        ConfigError: missing file, unknown key or bad value.
    """
    return load_yaml(path, Recipe)
