"""Recorded single notes as a renderer: events in, one mono waveform out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep import audio
from timbresep.data.mixing.augmentation import length_for, pitch_shift
from timbresep.data.rendering.midi import Event
from timbresep.data.rendering.waveform import RATE
from timbresep.data.track import SUFFIXES
from timbresep.errors import DataError
from timbresep.units import note_to_midi, pitch_ratio

RELEASE_S = 0.25  # seconds in which a released note falls by 60 dB
FADE_S = 0.02  # seconds of fade where a recording is shorter than the note
_NAME = re.compile(r"([A-G][#sb]?\d)(?:v(\d+))?")
_SUFFIXES = (*SUFFIXES, ".mp3")

Layers = Mapping[int, Sequence[Path]]


@dataclass(frozen=True)
class Recordings:
    """Recorded notes of several instruments.

    Attributes:
        name: what they are called.
        licence: their terms.
        notes: instrument → its notes.
    """

    name: str
    licence: str
    notes: Mapping[str, Layers]


def find_recordings(root: Path, instruments: Sequence[str], licence: str | None) -> Recordings:
    """A folder with a folder of recorded notes for each instrument.

    Args:
        root: the folder.
        instruments: the names that its folders must have.
        licence: terms of the notes, where they are known.
    Raises:
        DataError: an instrument has no folder, or a folder no notes.
    """
    if missing := [name for name in instruments if not (root / name).is_dir()]:
        raise DataError(
            f"{root}: no folder of notes for {', '.join(missing)}",
            f"add them, such as {root / missing[0] / 'C#4.ogg'}, or leave these instruments out",
        )
    name = root.resolve().name
    notes = {instrument: find_notes(root / instrument) for instrument in instruments}
    return Recordings(name, licence or f"terms of {name}", notes)


def find_notes(folder: Path) -> Layers:
    """The recordings in a folder and those below it, named by note and layer such as `D#4v8.ogg`.

    A sharp may be written `s` (`Ds4v8.ogg`) or as a flat (`Eb4v8.ogg`), and the layer left out
    (`D#4.mp3`).

    Returns:
        MIDI note → its recordings, softest layer first.
    Raises:
        DataError: there are none.
    """
    found: dict[int, list[tuple[int, Path]]] = {}
    for path in sorted(folder.rglob("*")):
        match = _NAME.fullmatch(path.stem)
        if match and path.suffix.lower() in _SUFFIXES:
            found.setdefault(note_to_midi(match[1]), []).append((int(match[2] or 0), path))
    if not found:
        raise DataError(f"{folder}: no recorded notes", "name them by note: C#4.ogg or Cs4v8.ogg")
    return {midi: [path for _, path in sorted(layers)] for midi, layers in found.items()}


def play(events: Sequence[Event], notes: Layers, length: float) -> NDArray[np.float32]:
    """Play notes with the nearest recording of the layer for their velocity, moved to pitch.

    A note ends early where its recording does.

    Args:
        events: what is played.
        notes: the recordings.
        length: seconds in all.
    Returns:
        mono float32 waveform at 44.1 kHz, shape (samples,).
    Raises:
        AudioError: a recording cannot be read.
    """
    wave = np.zeros(round(length * RATE), dtype=np.float32)
    fall = 10 ** (-3 * np.arange(round(RELEASE_S * RATE)) / (RELEASE_S * RATE))
    for event in events:
        nearest = min(notes, key=lambda midi: abs(midi - event.midi))
        layers = notes[nearest]
        start, held = round(event.start * RATE), round(event.duration * RATE)
        sound = _at_pitch(layer_for(layers, event.velocity), event.midi - nearest, held + len(fall))
        sound[held:] *= fall
        room = max(0, len(wave) - start)
        wave[start : start + len(sound)] += sound[:room]
    return wave


def layer_for(layers: Sequence[Path], velocity: int) -> Path:
    """The recording that is played at a velocity, 0 to 127."""
    return layers[velocity * len(layers) // 128]


def _at_pitch(path: Path, semitones: int, samples: int) -> NDArray[np.float32]:
    """The beginning of a recording, `semitones` higher: (samples,) at 44.1 kHz."""
    info = audio.info(path)
    ratio = info.rate / RATE
    # The last frame of an MP3 file may hold less than its header says.
    whole = info.frames - (audio.MP3_FRAME if path.suffix.lower() == ".mp3" else 0)
    frames = min(whole, int(length_for(samples, semitones) * ratio) + 64)
    recorded, rate = audio.read(path, frames=frames)  # (channels, frames)
    mono = recorded.mean(axis=0, keepdims=True, dtype=np.float32)
    mono = audio.resample(mono, rate, RATE)
    shifted = pitch_shift(mono, semitones, samples).reshape(-1)  # (samples,)
    end = int(mono.shape[1] / pitch_ratio(semitones))
    if end < samples:
        fade = min(end, round(FADE_S * RATE))
        shifted[end - fade : end] *= np.linspace(1, 0, fade, dtype=np.float32)
        shifted[end:] = 0
    return shifted
