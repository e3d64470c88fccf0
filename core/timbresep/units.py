"""Conversions between units: MIDI numbers and Hz, semitones and ratios, decibels, names of notes.

MIDI number 69 is A4 = 440 Hz; a semitone is a twelfth of an octave in equal temperament.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

A4_HZ, A4_MIDI = 440.0, 69

Floating = TypeVar("Floating", bound=np.floating)

_NOTE = re.compile(r"([A-G])([#sb♯♭]?)(\d)")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SHIFTS = {"": 0, "#": 1, "s": 1, "♯": 1, "b": -1, "♭": -1}
_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


@overload
def midi_to_hz(midi: float) -> float: ...
@overload
def midi_to_hz(midi: NDArray[Floating]) -> NDArray[Floating]: ...
def midi_to_hz(midi: Any) -> Any:
    """Frequency in Hz of MIDI numbers, of any shape."""
    return A4_HZ * 2 ** ((midi - A4_MIDI) / 12)


@overload
def hz_to_midi(hz: float) -> float: ...
@overload
def hz_to_midi(hz: NDArray[Floating]) -> NDArray[Floating]: ...
def hz_to_midi(hz: Any) -> Any:
    """MIDI numbers, with fractions, of frequencies above 0 Hz, of any shape."""
    midi = A4_MIDI + 12 * np.log2(hz / A4_HZ)
    return midi if isinstance(hz, np.ndarray) else float(midi)


def pitch_ratio(semitones: float) -> float:
    """Ratio of two frequencies that are so many semitones apart: 2 for 12."""
    return float(2 ** (semitones / 12))


@overload
def db_to_amplitude(db: float) -> float: ...
@overload
def db_to_amplitude(db: NDArray[Floating]) -> NDArray[Floating]: ...
def db_to_amplitude(db: Any) -> Any:
    """Ratio of amplitudes of a level in dB: 10 for 20."""
    return 10 ** (db / 20)


@overload
def db_to_power(db: float) -> float: ...
@overload
def db_to_power(db: NDArray[Floating]) -> NDArray[Floating]: ...
def db_to_power(db: Any) -> Any:
    """Ratio of powers of a level in dB: 10 for 10."""
    return 10 ** (db / 10)


@overload
def hz_to_mel(hz: float) -> float: ...
@overload
def hz_to_mel(hz: NDArray[Floating]) -> NDArray[Floating]: ...
def hz_to_mel(hz: Any) -> Any:
    """Mel of frequencies in Hz (O'Shaughnessy 1987), of any shape."""
    return 2595 * np.log10(1 + hz / 700)


@overload
def mel_to_hz(mel: float) -> float: ...
@overload
def mel_to_hz(mel: NDArray[Floating]) -> NDArray[Floating]: ...
def mel_to_hz(mel: Any) -> Any:
    """Frequency in Hz of mel, the inverse of `hz_to_mel`."""
    return 700 * (10 ** (mel / 2595) - 1)


def note_name(midi: float) -> str:
    """Name of the nearest note: C4 for 60, C♯4 for 61."""
    return f"{_NAMES[round(midi) % 12]}{round(midi) // 12 - 1}"


def note_to_midi(name: str) -> int:
    """MIDI number of a note such as `A3`, `A#3`, `As3` or `Bb3`.

    Raises:
        ValueError: no such note.
    """
    match = _NOTE.fullmatch(name)
    if match is None:
        raise ValueError(f"'{name}' is no note, such as C#4")
    return 12 * (int(match[3]) + 1) + _STEPS[match[1]] + _SHIFTS[match[2]]
