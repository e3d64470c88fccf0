"""From recorded notes to a table of tones: the one way for whatever is measured on recordings.

Reference recordings of a user, programs of a soundfont played note by note, and collections of
recorded notes all come through `tones_of`. A DDSP model is asked for its tones instead
(`timbresep.condition.tone_table`); the values mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from timbresep.condition.tone_table import BANDS, NYQUIST, Array, ToneTable, band_edges
from timbresep.errors import DataError
from timbresep.units import midi_to_hz, pitch_ratio

Spectrum = npt.NDArray[np.floating]

VERSION = 1
"""Of this way of measuring: tables that were measured in another are measured again."""

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
    found: dict[tuple[int, float], list[tuple[Array, Array]]] = {}
    for note in notes:
        measured = [_tuned(window, note.midi) for window in _windows(note.wave)]
        if measured:
            found.setdefault((note.midi, note.level_db), []).extend(measured)
    if not found:
        raise DataError(
            "no note is held long enough to be measured",
            "give recordings of half a second or more each",
        )
    pitches = sorted({midi for midi, _ in found})
    levels = sorted({level for _, level in found})
    means = {
        key: tuple(np.mean(part, axis=0) for part in zip(*measured, strict=True))
        for key, measured in found.items()
    }  # (pitch, level) → harmonics, noise

    def tone(midi: int, level: float) -> tuple[Array, ...]:
        there = min(levels, key=lambda other: ((midi, other) not in means, abs(other - level)))
        return means[midi, there]

    distributions, noise = (
        np.array([[tone(midi, level)[part] for midi in pitches] for level in levels], np.float32)
        for part in range(2)
    )
    return ToneTable(
        np.asarray(pitches, np.float32), np.asarray(levels, np.float32), distributions, noise
    )


def shares(wave: Array, f0_hz: float) -> tuple[Array, Array]:
    """What a steady tone consists of.

    Half of the spectrum lies near multiples of the fundamental, half between them. What lies
    between is noise, and as much of it is taken to lie under the harmonics.

    Args:
        wave: the tone (samples,) at 16 kHz; eight periods or more.
        f0_hz: its fundamental.

    Returns:
        Shares of the harmonics' amplitudes (60,), summing to 1, those above 8 kHz being 0; and
        shares of the whole power in bands of the noise (16,).
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


def _tuned(wave: Array, midi: int) -> tuple[Array, Array]:
    """`shares` at the tuning that leaves the least noise."""
    spectrum = _spectrum(wave)
    hertz = [midi_to_hz(midi) * pitch_ratio(cents / 100) for cents in TUNING_CENTS]
    return min((_shares(*spectrum, f0) for f0 in hertz), key=lambda tone: float(tone[1].sum()))


def _spectrum(wave: Array) -> tuple[Spectrum, Spectrum]:
    """Frequencies in Hz, and the power at them, each (bins,)."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    hertz: Spectrum = np.fft.rfftfreq(len(wave), 1 / RATE)
    return hertz, power


def _shares(hertz: Spectrum, power: Spectrum, f0_hz: float) -> tuple[Array, Array]:
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
    return _share(amplitudes, float(amplitudes.sum())), _share(noise, float(whole))


def _share(values: Spectrum, whole: float) -> Array:
    part: Array = (values / max(whole, 1e-20)).astype(np.float32)
    return part
