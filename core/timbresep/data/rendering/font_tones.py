"""Tone tables of soundfonts' programs, played note by note."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.condition import tone_analysis, tone_store
from timbresep.condition.tone_analysis import RecordedNote
from timbresep.condition.tone_table import ToneTable
from timbresep.data.recipe import Range
from timbresep.data.rendering.midi import Event, midi_file
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.waveform import RATE

VELOCITIES = (45, 80, 115)
STEP = 2  # semitones from a note that is played to the next
HELD_S, EVERY_S = 0.9, 1.2  # how long a note is held, and when the next begins
LOUDER = 40.0  # dB that a note is louder for ten times the velocity (General MIDI level 2)


def level_of(velocity: int) -> float:
    """Loudness in dB of a MIDI velocity, against the loudest."""
    return float(LOUDER * np.log10(velocity / 127))


def tones_of(file: str, program: int, bank: int, notes: Range, cache: Path) -> ToneTable:
    """A program's tones, measured once and kept.

    Args:
        file: the soundfont's name or path.
        program, bank: General MIDI program and its bank.
        notes: lowest and highest MIDI note.
        cache: folder where tables are kept.

    Raises:
        MissingToolError: the soundfont, or the program that plays it, is missing.
        DataError: the soundfont has no such program.
    """
    key = repr((file, program, bank, notes, VELOCITIES, STEP, HELD_S, EVERY_S))
    digest = hashlib.sha256(f"{key} {tone_analysis.VERSION}".encode()).hexdigest()[:12]
    path = cache / "tones" / f"{Path(file).stem}-{program}-{digest}.safetensors"
    if not path.is_file():
        table = tone_analysis.tones_of(_played(file, program, bank, notes))
        tone_store.write(path, {"tones": table})
    return tone_store.read(path, "tones")


def _played(file: str, program: int, bank: int, notes: Range) -> Iterator[RecordedNote]:
    """Every second note at every velocity."""
    pitches = range(notes[0], notes[1] + 1, STEP)
    played = [(velocity, note) for velocity in VELOCITIES for note in pitches]
    events = [
        Event(k * EVERY_S, HELD_S, note, velocity) for k, (velocity, note) in enumerate(played)
    ]
    midi = midi_file(events, [], program, bank, len(played) * EVERY_S)
    wave = render(midi, find_soundfont(file), reverb=False)
    wave = audio.resample(wave[None], RATE, tone_analysis.RATE)[0]
    for event in events:
        start, end = (
            round(seconds * tone_analysis.RATE) for seconds in (event.start, event.start + HELD_S)
        )
        yield RecordedNote(event.midi, wave[start:end], level_of(event.velocity))
