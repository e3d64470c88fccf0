"""From recorded notes to a table of tones: everything that is measured on recordings goes this way.

Reference recordings of a user, programs of a soundfont played note by note, and collections of
recorded notes all come through `tones_of`. A DDSP model plays its tones instead
(`timbresep.condition.tone_table`); the values mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from timbresep.condition.tone_table import BANDS, NYQUIST, Array, ToneTable, band_edges
from timbresep.errors import DataError
from timbresep.units import midi_to_hz, pitch_ratio

Spectrum = npt.NDArray[np.floating]

VERSION = 1
"""Version of this way of measuring: tables of another version are measured again."""

HARMONICS = 60
RATE = round(2 * NYQUIST)  # Hz
NEAR = 0.25
"""Power within this share of the fundamental around a multiple of it counts as the harmonic."""

ONSET_S, END_S = 0.1, 1.4
"""Seconds of a note between which it is measured: after the attack, before it has died away."""

WINDOW_S, HOP_S = 0.3, 0.2
"""Seconds of a window, and from one to the next."""

SHORTEST_S = 0.2
"""Seconds of a note, without its attack, that are measured at least."""

TUNING_CENTS = np.arange(-48, 49, 4)
"""How far a recording may be off its note; its fundamental is where the least noise is left."""


@dataclass(frozen=True)
class RecordedNote:
    """A recording of one note.

    Attributes:
        midi: its pitch as a MIDI number; the recording may be up to half a semitone off.
        wave: audio (samples,) at 16 kHz from the onset of the note on.
        level_db: how loud it is played, in dB against the other notes.
    """

    midi: int
    wave: Array
    level_db: float = 0.0


class Tone(NamedTuple):
    """What a tone consists of.

    Attributes:
        harmonics: shares of the harmonics' amplitudes (60,), summing to 1; 0 above 8 kHz.
        noise: shares of the tone's whole power that lie in bands of noise (16,).
    """

    harmonics: Array
    noise: Array


def tones_of(notes: Iterable[RecordedNote]) -> ToneTable:
    """What recorded notes of one instrument sound like.

    Notes of one pitch and level are averaged. A pitch that is not there at some level has the tone
    that it has at the nearest one.

    Args:
        notes: the recordings; those too short to be measured are left out.

    Returns:
        A tone for each pitch and level.

    Raises:
        DataError: no note is long enough.
    """
    measured: dict[tuple[int, float], list[Tone]] = {}
    for note in notes:
        if tones := [_tuned(window, note.midi) for window in _windows(note.wave)]:
            measured.setdefault((note.midi, note.level_db), []).extend(tones)
    if not measured:
        raise DataError(
            "no note is held long enough to be measured",
            "give recordings of half a second or more each",
        )
    means = {key: _mean(tones) for key, tones in measured.items()}
    pitches = sorted({midi for midi, _ in means})
    levels = sorted({level for _, level in means})

    def tone(midi: int, level: float) -> Tone:
        there = [other for other in levels if (midi, other) in means]
        return means[midi, min(there, key=lambda other: abs(other - level))]

    rows = [[tone(midi, level) for midi in pitches] for level in levels]
    return ToneTable(
        np.asarray(pitches, np.float32),
        np.asarray(levels, np.float32),
        np.array([[one.harmonics for one in row] for row in rows], np.float32),
        np.array([[one.noise for one in row] for row in rows], np.float32),
    )


def shares(wave: Array, f0_hz: float) -> Tone:
    """What a steady tone consists of.

    Half of the spectrum lies near multiples of the fundamental, half between them. What lies
    between is noise, and as much of it is taken to lie under the harmonics.

    Args:
        wave: the tone (samples,) at 16 kHz; eight periods or more.
        f0_hz: its fundamental.
    """
    return _shares(*_spectrum(wave), f0_hz)


def _windows(wave: Array) -> Iterator[Array]:
    """Stretches of a note that are measured (samples,); of a short note, what it has."""
    start = min(round(ONSET_S * RATE), len(wave) // 4)
    end = min(round(END_S * RATE), len(wave))
    size = min(round(WINDOW_S * RATE), end - start)
    if size >= SHORTEST_S * RATE:
        for begin in range(start, end - size + 1, round(HOP_S * RATE)):
            yield wave[begin : begin + size]


def _tuned(wave: Array, midi: int) -> Tone:
    """`shares` at the tuning that leaves the least noise."""
    spectrum = _spectrum(wave)
    hertz = [midi_to_hz(midi) * pitch_ratio(cents / 100) for cents in TUNING_CENTS]
    return min((_shares(*spectrum, f0) for f0 in hertz), key=lambda tone: float(tone.noise.sum()))


def _spectrum(wave: Array) -> tuple[Spectrum, Spectrum]:
    """Frequencies in Hz, and the power at them, each (bins,)."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    hertz: Spectrum = np.fft.rfftfreq(len(wave), 1 / RATE)
    return hertz, power


def _shares(hertz: Spectrum, power: Spectrum, f0_hz: float) -> Tone:
    """`shares` of a power spectrum."""
    number = np.rint(hertz / f0_hz).astype(int)  # the multiple that a bin is nearest to
    near = np.abs(hertz / f0_hz - number) <= NEAR
    known = min(HARMONICS, int(NYQUIST / f0_hz - NEAR))
    inside, between = (
        np.bincount(number[which], power[which], number[-1] + 1) for which in (near, ~near)
    )
    partials = np.zeros(HARMONICS)
    partials[:known] = np.maximum(inside - between, 0)[1 : known + 1]
    band = np.clip(np.searchsorted(band_edges(), hertz, side="right") - 1, 0, BANDS - 1)
    noise = 2.0 * np.bincount(band[~near], power[~near], BANDS).astype(np.float64)
    whole = partials.sum() + noise.sum()
    amplitudes = np.sqrt(partials)
    return Tone(_share(amplitudes, float(amplitudes.sum())), _share(noise, float(whole)))


def _mean(tones: Sequence[Tone]) -> Tone:
    """The mean of tones, harmonic by harmonic and band by band."""
    return Tone(
        np.mean([tone.harmonics for tone in tones], axis=0),
        np.mean([tone.noise for tone in tones], axis=0),
    )


def _share(values: Spectrum, whole: float) -> Array:
    part: Array = (values / max(whole, 1e-20)).astype(np.float32)
    return part
