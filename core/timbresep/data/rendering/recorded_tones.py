"""Tone tables of recorded notes, whose names say what they play."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from timbresep import audio
from timbresep.condition.tone_analysis import END_S, RATE, RecordedNote, tones_of
from timbresep.condition.tone_table import ToneTable
from timbresep.data.rendering.font_tones import VELOCITIES, level_of
from timbresep.data.rendering.sampler import Layers, layer_for
from timbresep.errors import DataError


def recorded_tones(notes: Layers) -> ToneTable | None:
    """What recorded notes sound like, at the loudness of three velocities.

    Args:
        notes: the recordings; the layers that the velocities play are measured.

    Returns:
        A tone for each note and velocity; None where no recording is long enough.

    Raises:
        AudioError: a recording cannot be read.
    """
    return _table(tuple((midi, tuple(layers)) for midi, layers in sorted(notes.items())))


@functools.lru_cache(maxsize=256)
def _table(notes: tuple[tuple[int, tuple[Path, ...]], ...]) -> ToneTable | None:
    """`recorded_tones`, measured once for all tracks of a run."""
    try:
        return tones_of(_read(notes))
    except DataError:
        return None


def _read(notes: tuple[tuple[int, tuple[Path, ...]], ...]) -> Iterator[RecordedNote]:
    for midi, layers in notes:
        for velocity in VELOCITIES:
            path = layer_for(layers, velocity)
            info = audio.info(path)
            wave, rate = audio.read(path, frames=min(info.frames, round(END_S * info.rate)))
            mono = audio.resample(wave.mean(axis=0, keepdims=True), rate, RATE)[0]
            yield RecordedNote(midi, mono, level_of(velocity))
