"""Tone tables of soundfonts' programs, heard note by note."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.condition import heard_tones
from timbresep.condition import tone_store as table_file
from timbresep.condition.tone_table import ToneTable
from timbresep.data.recipe import Range
from timbresep.data.rendering.midi import Event, midi_file
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.waveform import RATE

VELOCITIES = (45, 80, 115)
STEP = 2  # semitones from a note that is heard to the next
HELD_S, EVERY_S = 0.9, 1.2  # how long a note is held, and when the next begins
STEADY_S = (0.25, 0.75)  # what of a note is heard
LOUDER = 40.0  # dB that a note is louder for ten times the velocity (General MIDI level 2)
LEVELS = [LOUDER * np.log10(velocity / 127) for velocity in VELOCITIES]


def tones_of(file: str, program: int, bank: int, notes: Range, cache: Path) -> ToneTable:
    """A program's tones, heard once and kept.

    Args:
        file: the soundfont's name or path.
        program, bank: General MIDI program and its bank.
        notes: lowest and highest MIDI note.
        cache: folder where what was heard is kept.

    Raises:
        MissingToolError: the soundfont, or the program that plays it, is missing.
        DataError: the soundfont has no such program.
    """
    key = repr((file, program, bank, notes, VELOCITIES, STEP, HELD_S, EVERY_S, STEADY_S))
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    path = cache / "tones" / f"{Path(file).stem}-{program}-{digest}.safetensors"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        table_file.write(path, {"tones": _listen(file, program, bank, notes)}, {})
    return table_file.read(path, "tones")


def _listen(file: str, program: int, bank: int, notes: Range) -> ToneTable:
    """Play every note at every velocity, and measure the steady part of each."""
    pitches = range(notes[0], notes[1] + 1, STEP)
    played = [(velocity, note) for velocity in VELOCITIES for note in pitches]
    events = [
        Event(k * EVERY_S, HELD_S, note, velocity) for k, (velocity, note) in enumerate(played)
    ]
    midi = midi_file(events, [], program, bank, len(played) * EVERY_S)
    wave = render(midi, find_soundfont(file), reverb=False)
    wave = audio.resample(wave[None], RATE, heard_tones.RATE)[0]
    heard = []
    for event in events:
        start, end = (round((event.start + s) * heard_tones.RATE) for s in STEADY_S)
        heard.append(heard_tones.shares(wave[start:end], 440 * 2 ** ((event.midi - 69) / 12)))
    distributions, noise = (np.stack(part) for part in zip(*heard, strict=True))
    shape = len(VELOCITIES), len(pitches), -1
    return ToneTable(
        np.asarray(pitches, dtype=np.float32),
        np.asarray(LEVELS, dtype=np.float32),
        distributions.reshape(shape),
        noise.reshape(shape),
    )
