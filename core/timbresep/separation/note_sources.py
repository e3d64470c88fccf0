"""Who plays what: the notes of a score, or what a transcriber hears."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from timbresep import audio
from timbresep.asked import Vector
from timbresep.errors import DataError
from timbresep.level import gains
from timbresep.notes.activations import Played, heard, written
from timbresep.notes.score import StemNotes
from timbresep.notes.templates import Overtones
from timbresep.separation.note_model import Trust, Window
from timbresep.transcription.hearing import Hearing

WRITTEN = Trust(iterations=(8, 10), powers=(1.5, 0.25), in_sources=True)
"""Of a score, whose notes are right."""

HEARD = Trust(iterations=(6, 3), powers=(1.0, 0.7), in_sources=False)
"""Of notes that were transcribed: templates would learn from those that are wrong."""


@dataclass(frozen=True)
class Notes:
    """The notes of a score.

    Attributes:
        stems: notes of everyone who plays, in seconds of the recording.
        overtones: of the instruments, by name; those of no instrument for all others.
        partial: whether others play, too, whose notes are not known.
    """

    stems: tuple[StemNotes, ...]
    overtones: Mapping[str, Overtones]
    partial: bool = False

    @classmethod
    def of_voices(
        cls,
        stems: Sequence[StemNotes],
        conditions: Mapping[str, Vector],
        *,
        partial: bool = False,
    ) -> Notes:
        """Notes, and overtones of instruments from their conditions.

        The overtones of an instrument are the mean of its own voice and of all voices: one voice is
        one specimen of its kind, and the recording has another.

        Args:
            stems: notes in seconds of the recording.
            conditions: harmonic conditions (dim,) by name of the instrument; others say nothing.
            partial: whether others play, too.

        Raises:
            DataError: no notes, or two stems of one name.
        """
        if not any(stem.notes for stem in stems):
            raise DataError("the score has no notes", "give one of what is played")
        names = [stem.stem for stem in stems]
        if len(set(names)) < len(names):
            raise DataError(f"two stems have one name: {', '.join(names)}", "name each once")
        voices = voices_of(conditions)
        mean = Overtones.mean(list(voices.values()))
        written = {stem.instrument for stem in stems}
        own = {name: voices[name].with_half(mean) if name in voices else mean for name in written}
        return cls(tuple(stems), own, partial)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stems."""
        return tuple(stem.stem for stem in self.stems)

    def of(self, name: str) -> StemNotes | None:
        """The notes of a stem; None if the score has none of this name."""
        return next((stem for stem in self.stems if stem.stem == name), None)

    @property
    def trust(self) -> Trust:
        """See `NoteSource`."""
        return WRITTEN

    def instrument(self, name: str) -> str:
        """See `NoteSource`."""
        stem = self.of(name)
        return name if stem is None else stem.instrument

    def played(self, signal: Tensor, names: Sequence[str], window: Window) -> list[Played]:
        """See `NoteSource`; the signal says nothing more."""
        del signal
        times = window.start + window.times
        return [written(stem, times) for name in names if (stem := self.of(name)) is not None]


@dataclass(frozen=True)
class Transcribed:
    """What a transcriber hears of some instruments.

    Attributes:
        hearing: the transcriber.
        names: instruments with a pitch.
        overtones: of them, by name.
    """

    hearing: Hearing
    names: tuple[str, ...]
    overtones: Mapping[str, Overtones]
    partial: bool = False

    @classmethod
    def of_voices(
        cls, hearing: Hearing, conditions: Mapping[str, Vector], names: Sequence[str]
    ) -> Transcribed:
        """Listen for instruments; first templates are the mean of all voices.

        Args:
            hearing: knows instruments; others are left to the network.
            conditions: harmonic conditions (dim,) by name.
            names: of those to listen for, as far as their conditions have overtones.
        """
        voices = voices_of(conditions)
        known = {name: voice for name, voice in voices.items() if voice.registers.any()}
        mean = Overtones.mean(list(known.values()))
        heard = tuple(name for name in names if name in known and name in hearing.instruments)
        return cls(hearing, heard, dict.fromkeys(heard, mean))

    @property
    def trust(self) -> Trust:
        """See `NoteSource`."""
        return HEARD

    def instrument(self, name: str) -> str:
        """See `NoteSource`."""
        return name

    def played(self, signal: Tensor, names: Sequence[str], window: Window) -> list[Played]:
        """See `NoteSource`; an instrument that is not heard at all is left to the network."""
        if not names:
            return []
        wave = audio.resample(signal.cpu().numpy(), window.rate, self.hearing.rate)
        level = (wave * gains(wave, self.hearing.rate)).astype(np.float32)
        activity = self.hearing.window(level, names, window.semitones).numpy()
        lowest, frame_s = self.hearing.lowest, self.hearing.frame_s
        parts = (
            heard(name, found, lowest, frame_s, window.times)
            for name, found in zip(names, activity, strict=True)
        )
        return [part for part in parts if not part.rests]


def voices_of(conditions: Mapping[str, Vector]) -> dict[str, Overtones]:
    """The overtones that harmonic conditions (dim,) hold; others say nothing of them."""
    voices = {}
    for name, condition in conditions.items():
        with contextlib.suppress(DataError):  # one-hot
            voices[name] = Overtones.of(condition)
    return voices
