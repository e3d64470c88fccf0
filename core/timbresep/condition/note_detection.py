"""Find the notes in recordings of one instrument playing one note at a time.

Unusable files are reported with the reason: silence, noise, chords, percussion, clipped audio,
recordings without the upper half of the spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.audio import info, read, resample
from timbresep.ddsp.features import HOP, SAMPLE_RATE, VOICED, extract
from timbresep.ddsp.solo_check import check_notes, check_recording
from timbresep.errors import AudioError, DataError
from timbresep.running.progress import CountDone
from timbresep.units import hz_to_midi, midi_to_hz, note_name

Array = NDArray[np.float32]

WIDE_RANGE = (27.5, 4000.0)
"""Where the fundamental of an unknown instrument is looked for, Hz: A0 to B7."""

MOST_SECONDS = 180.0
"""Seconds of recordings that are used; more would cost time and add little."""

N_FFT = 4096
MOST_SPECTRA = 1500
"""Frames of a file whose spectrum is taken: every fourth (16 ms), or fewer of long ones."""

PURE = 0.6
"""Share of a frame's power at multiples of its fundamental from which it is one note."""

TRACE = 3e-3
"""Share of the power that odd multiples have at least; without, the pitch is an octave higher."""

CLEAR = 0.1
"""Share of the power, at multiples of half the fundamental only, that puts it an octave lower."""

SURE = 0.65
"""A file holds single notes when confidence times that share (means over its frames) is above."""

NOTE_FRAMES, NOTE_SHARE = 25, 0.1
"""A semitone is a note when it lasts this many frames (0.1 s) and this share of the longest one."""

FEWEST = 3
"""Notes of different pitch that a condition needs at least."""


@dataclass(frozen=True)
class SoloNotes:
    """Notes found in recordings.

    Attributes:
        audio: file → mono audio at 16 kHz (samples,), in the order given.
        notes: MIDI numbers of the pitches found, ascending.
        refused: files left out → why.
    """

    audio: dict[Path, Array]
    notes: list[float]
    refused: dict[Path, str]

    @property
    def seconds(self) -> float:
        """Length of the audio that is used."""
        return sum(len(wave) for wave in self.audio.values()) / SAMPLE_RATE

    @property
    def f0_range(self) -> tuple[float, float]:
        """Half a semitone below the lowest note and above the highest, Hz."""
        return f0_range_of(self.notes)


@dataclass(frozen=True)
class Harmonicity:
    """How much of the power of frames lies at multiples of a fundamental.

    Attributes:
        f0_hz: the fundamentals (n,).
        harmonic: share of the power at all multiples (n,).
        odd: share at the odd ones (n,). Where they have none, the true fundamental is higher.
        first: share at the fundamental itself (n,).
    """

    f0_hz: NDArray[np.floating]
    harmonic: NDArray[np.float64]
    odd: NDArray[np.float64]
    first: NDArray[np.float64]


def detect_notes(files: Sequence[Path], progress: CountDone | None = None) -> SoloNotes:
    """Read recordings and find their notes.

    Args:
        files: notes or passages of one instrument alone, one note at a time; any rate from
            16 kHz on.
        progress: called with (files done, files).

    Raises:
        DataError: no files; none, or less than half of them, can serve (with the first reason);
            fewer than three pitches.
        AudioError: a file that cannot be read.
        MissingToolError: the pitch tracker is not installed.
    """
    if not files:
        raise DataError("no recordings given", "name WAV, FLAC or Ogg files of solo notes")
    audio: dict[Path, Array] = {}
    notes: dict[Path, list[float]] = {}
    refused: dict[Path, str] = {}
    used = 0.0
    for number, path in enumerate(files):
        try:
            if used >= MOST_SECONDS:
                raise DataError(f"the first {MOST_SECONDS:.0f} s of audio are enough")
            wave = _open(path)[: round((MOST_SECONDS - used) * SAMPLE_RATE)]
            notes[path], end = notes_of(wave)
            audio[path] = wave[:end]
            used += len(audio[path]) / SAMPLE_RATE
        except DataError as error:
            refused[path] = error.message
        if progress:
            progress(number + 1, len(files))
    f0_range = f0_range_of([note for found in notes.values() for note in found] or [69])
    for path, wave in audio.items():  # once more, within the range that training will look at
        level = _normalised(wave)
        try:
            check_notes(level, extract(level, SAMPLE_RATE, f0_range), path.name)
        except DataError as error:
            refused[path] = error.message.removeprefix(f"{path.name}: ")
            del notes[path]
    unusable = len(refused) if used < MOST_SECONDS else 0
    if 2 * unusable > len(files) or not notes:
        path, reason = next(iter(refused.items()))
        others = f" ({len(refused)} of {len(files)} files cannot serve)" if len(files) > 1 else ""
        raise DataError(
            f"{path.name}: {reason}{others}", "give solo notes of one instrument, one at a time"
        )
    solo = SoloNotes(
        {path: wave for path, wave in audio.items() if path in notes},
        sorted({note for found in notes.values() for note in found}),
        refused,
    )
    if len(solo.notes) < FEWEST:
        raise DataError(
            f"only {len(solo.notes)} different notes found ({name_notes(solo.notes)})",
            f"give at least {FEWEST}, better 8 or more over the instrument's range",
        )
    return solo


def f0_range_of(notes: Sequence[float]) -> tuple[float, float]:
    """Half a semitone below the lowest note (MIDI number) and above the highest, Hz."""
    low, high = min(notes) - 0.5, max(notes) + 0.5
    return round(midi_to_hz(low), 1), round(midi_to_hz(high), 1)


def notes_of(wave: Array) -> tuple[list[float], int]:
    """The pitches of audio that holds single notes.

    A frame counts when the tracker is sure of its fundamental and most of its power lies at the
    multiples of it, the odd ones among them.

    Args:
        wave: (samples,) at 16 kHz.

    Returns:
        MIDI numbers, ascending; and the sample after which there is no pitch any more.

    Raises:
        DataError: no steady pitch, or several pitches at once.
    """
    level = _normalised(wave)
    found = extract(level, SAMPLE_RATE, WIDE_RANGE)
    sounding = found.loudness_db > max(float(found.loudness_db.max()) - 40.0, -75.0)
    voiced = sounding & (found.f0_confidence >= VOICED)
    if voiced.sum() < 0.5 * sounding.sum() or voiced.sum() < NOTE_FRAMES:
        share = voiced.sum() / max(sounding.sum(), 1)
        raise DataError(f"no steady pitch in {1 - share:.0%} of it: noise, percussion or a chord")
    stride = max(4, int(voiced.sum()) // MOST_SPECTRA)
    frames = np.flatnonzero(voiced)[::stride]
    settled = settle_octave(level, frames, found.f0_hz[frames])
    sure = float(found.f0_confidence[voiced].mean()) * float(np.median(settled.harmonic))
    if sure < SURE:
        raise DataError("several notes at once, or a sound without harmonics")
    single = (settled.harmonic >= PURE) & (settled.odd >= TRACE)
    semitones, counts = np.unique(np.rint(hz_to_midi(settled.f0_hz[single])), return_counts=True)
    least = max(NOTE_FRAMES / stride, NOTE_SHARE * counts.max(initial=0))
    held = [float(note) for note in semitones[counts >= least]]
    if not held:
        raise DataError("no note is held for a tenth of a second")
    return held, (int(np.flatnonzero(voiced)[-1]) + 25) * HOP


def settle_octave(wave: Array, frames: NDArray[np.intp], f0_hz: Array) -> Harmonicity:
    """Tracked fundamentals, an octave down where the spectrum has a clear one there.

    Args:
        wave: (samples,) at 16 kHz.
        frames: the frames (n,), 250 a second.
        f0_hz: what the tracker says of them (n,).
    """
    power = _spectra(wave, frames)
    here, below = harmonicity(power, f0_hz), harmonicity(power, f0_hz / 2)
    down = (below.harmonic - here.harmonic > CLEAR) & (below.first > CLEAR / 2)
    down &= f0_hz >= 2 * WIDE_RANGE[0]
    return Harmonicity(
        np.where(down, below.f0_hz, here.f0_hz),
        np.where(down, below.harmonic, here.harmonic),
        np.where(down, below.odd, here.odd),
        np.where(down, below.first, here.first),
    )


def harmonicity(power: NDArray[np.float64], f0_hz: NDArray[np.floating]) -> Harmonicity:
    """How much of the power lies at the multiples of fundamentals.

    Args:
        power: spectra (n, 2049).
        f0_hz: their fundamentals (n,).
    """
    hz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    f0 = f0_hz[:, None].astype(np.float64)
    number = np.rint(hz / f0)
    width = np.maximum(2.5 * SAMPLE_RATE / N_FFT, 0.02 * f0)
    near = power * ((np.abs(hz - number * f0) <= width) & (number >= 1))
    total = np.maximum(power.sum(axis=1), 1e-20)
    odd, first = (near * (number % 2 == 1)).sum(axis=1), (near * (number == 1)).sum(axis=1)
    return Harmonicity(f0_hz, near.sum(axis=1) / total, odd / total, first / total)


def _spectra(wave: Array, frames: NDArray[np.intp]) -> NDArray[np.float64]:
    """Power spectra (n, 2049) around frames (n,), without what is below any pitch."""
    padded = np.pad(wave, N_FFT // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[frames * HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(N_FFT))) ** 2
    power[:, np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE) < WIDE_RANGE[0] - 2.5] = 0
    return power


def name_notes(notes: Sequence[float]) -> str:
    """Notes for people: 60 is C4."""
    return ", ".join(map(note_name, notes))


def _normalised(wave: Array) -> Array:
    """Audio with its peak at −6 dB: no test depends on how loud a recording is."""
    return (0.5 / max(float(np.abs(wave).max(initial=0.0)), 1e-9) * wave).astype(np.float32)


def _open(path: Path) -> Array:
    """Mono audio at 16 kHz.

    Raises:
        DataError: silence, too low a rate, or clipped.
        AudioError: unreadable.
    """
    about = info(path)
    wave, rate = read(path, frames=min(about.frames, round(MOST_SECONDS * about.rate)))
    try:
        check_recording(wave, rate, path.name)
    except AudioError as error:
        raise DataError(error.message.removeprefix(f"{path.name}").lstrip(": ")) from error
    mono: Array = resample(wave.mean(axis=0, keepdims=True), rate, SAMPLE_RATE)[0]
    return mono
