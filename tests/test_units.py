"""Conversions between units, which everything that names a pitch or a level relies on."""

from __future__ import annotations

import numpy as np
import pytest

from timbresep import units


def test_midi_numbers_and_hz() -> None:
    assert units.midi_to_hz(69) == 440
    assert units.hz_to_midi(880.0) == 81
    notes = np.arange(21, 109, dtype=np.float32)
    hz = units.midi_to_hz(notes)
    assert hz.dtype == np.float32
    np.testing.assert_allclose(units.hz_to_midi(hz), notes, atol=1e-4)
    assert units.pitch_ratio(12) == 2


def test_decibels() -> None:
    assert units.db_to_amplitude(20.0) == 10
    assert units.db_to_power(20.0) == 100


@pytest.mark.parametrize(
    ("name", "midi"), [("C4", 60), ("C#4", 61), ("Cs4", 61), ("Db4", 61), ("A0", 21), ("B♭3", 58)]
)
def test_notes_by_name(name: str, midi: int) -> None:
    assert units.note_to_midi(name) == midi
    assert units.note_to_midi(units.note_name(midi)) == midi


def test_what_is_no_note_is_refused() -> None:
    with pytest.raises(ValueError, match="'H4' is no note"):
        units.note_to_midi("H4")
