"""A track of the players from an audio file, read block by block."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbresep import audio
from timbresep.notes.score import StemNotes
from timbresep.report.page import Track
from timbresep.streaming import Rows, resampled
from timbresep.units import hz_to_mel, mel_to_hz

COLUMNS = 1000
"""Of a waveform and of a spectrogram, over the whole recording."""

BANDS = 96
LOWEST, HIGHEST = 40.0, 16_000.0
"""Mel bands of the spectrogram, and where they begin and end in Hz."""

N_FFT = 2048
BLOCK = 65_536  # samples
RANGE = 75.0
"""From black to the brightest, dB; the brightest is the loudest of the mixture."""

RATE = 44_100
"""Of the players, Hz: what every browser plays."""

LONGEST_S, TOGETHER_S = 600.0, 3600.0
"""Seconds that players get of a recording, and of all its tracks together: a browser holds them
decoded in memory, 21 MB a minute of stereo."""

COMPRESSION = 0.8
"""Of the MP3 encoder, 0 best to 1 smallest: the least that still holds 15 kHz, about 95 kbit/s of
a full mixture. Ogg Opus would be smaller, but Safari plays it since 2025 only."""


@dataclass(frozen=True)
class Sound:
    """What is needed of an audio file to show and play it.

    Attributes:
        name: what people call it.
        mp3: the file for players.
        peaks: largest magnitudes (columns,).
        mel: power in bands (bands, columns).
        duration: seconds of it that are played.
    """

    name: str
    mp3: bytes
    peaks: NDArray[np.float32]
    mel: NDArray[np.float32]
    duration: float

    def track(
        self, reference: float, notes: StemNotes | None = None, *, muted: bool = False
    ) -> Track:
        """The track.

        Args:
            reference: the power that is brightest.
            notes: that were heard.
            muted: whether it is silent at first.
        """
        told = None
        if notes is not None:
            told = [
                (round(n.start, 3), round(n.end, 3), n.pitch, n.velocity)
                for n in notes.notes
                if n.start < self.duration
            ]
        return Track(
            name=self.name,
            src=f"data:audio/mpeg;base64,{base64.b64encode(self.mp3).decode()}",
            peaks=[round(float(peak), 3) for peak in np.minimum(self.peaks, 1)],
            duration=self.duration,
            image=picture(self.mel, reference),
            notes=told,
            muted=muted,
        )


def longest(tracks: int) -> float:
    """Seconds of a recording that players get, of so many tracks."""
    return min(LONGEST_S, TOGETHER_S / max(tracks, 1))


def sound(name: str, path: Path, most: float = LONGEST_S) -> Sound:
    """Read an audio file for the players.

    Args:
        name: what people call it.
        path: the file.
        most: seconds of it that are wanted, at most.

    Raises:
        AudioError: it cannot be read.
    """
    about = audio.info(path)
    blocks = audio.read_blocks(path)
    return _made(name, blocks, about.rate, about.channels, min(about.duration, most))


def sound_of(name: str, wave: Rows, rate: int) -> Sound:
    """The same of a waveform (channels, samples) at a rate in Hz."""
    starts = range(0, wave.shape[1], BLOCK)
    blocks = (wave[:, start : start + BLOCK] for start in starts)
    return _made(name, blocks, rate, wave.shape[0], wave.shape[1] / rate)


def _made(name: str, blocks: Iterator[Rows], rate: int, channels: int, duration: float) -> Sound:
    """Go through blocks (channels, samples) once: the MP3 file, peaks and spectra of columns."""
    frames = max(1, round(duration * RATE))
    edges = np.linspace(0, frames, COLUMNS + 1).round().astype(int)
    channels = min(channels, 2)
    peaks, mel = np.zeros(COLUMNS, np.float32), np.zeros((BANDS, COLUMNS), np.float32)
    filters = _filters()
    made = io.BytesIO()
    with soundfile.SoundFile(
        made,
        "w",
        RATE,
        channels,
        "MPEG_LAYER_III",
        format="MP3",
        compression_level=COMPRESSION,
        bitrate_mode="VARIABLE",
    ) as file:
        for column, part in enumerate(_columns(blocks, edges, rate, channels)):
            if not part.size:
                continue
            file.write(np.clip(part.T, -1, 1))
            peaks[column] = np.abs(part).max()
            mel[:, column] = filters @ _power(part.mean(axis=0))
    return Sound(name, made.getvalue(), peaks, mel, duration)


def levels(mel: NDArray[np.float32], reference: float) -> NDArray[np.float32]:
    """Powers in dB to a reference."""
    found: NDArray[np.float32] = 10 * np.log10(np.maximum(mel, 1e-20) / max(reference, 1e-20))
    return found


def picture(mel: NDArray[np.float32], reference: float) -> str:
    """A mel spectrogram as a data address: low at the bottom, in the colours of *magma*."""
    from matplotlib import colormaps
    from PIL import Image

    shade = np.clip(1 + levels(mel, reference) / RANGE, 0, 1)[::-1]
    pixels = colormaps["magma"](shade, bytes=True)[..., :3]
    made = io.BytesIO()
    Image.fromarray(pixels).quantize(64).save(made, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(made.getvalue()).decode()}"


def loudest(sounds: Sequence[Sound]) -> float:
    """The largest power in a band of some sounds."""
    return max((float(each.mel.max()) for each in sounds), default=0.0)


def _columns(
    given: Iterator[Rows], edges: NDArray[np.int_], rate: int, channels: int
) -> Iterator[Rows]:
    """The parts (channels, samples at `RATE`) of blocks between edges, one after the other."""
    blocks = resampled((block[:channels] for block in given), rate, RATE, channels)
    held = np.zeros((channels, 0), np.float32)
    for size in np.diff(edges):
        while held.shape[1] < size:
            block = next(blocks, None)
            if block is None:
                break
            held = np.concatenate([held, block], axis=1)
        yield held[:, :size]
        held = held[:, size:]


def _power(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean power spectrum (bins,) of a stretch."""
    if len(wave) < N_FFT:
        wave = np.pad(wave, (0, N_FFT - len(wave)))
    starts = range(0, len(wave) - N_FFT + 1, N_FFT // 2)
    frames = np.stack([wave[start : start + N_FFT] for start in starts])
    spectra = np.fft.rfft(frames * np.hanning(N_FFT), axis=1)
    power: NDArray[np.float32] = np.square(np.abs(spectra)).mean(axis=0).astype(np.float32)
    return power


def _filters() -> NDArray[np.float32]:
    """Triangles, evenly on the mel scale (bands, bins)."""
    edges = mel_to_hz(np.linspace(hz_to_mel(LOWEST), hz_to_mel(HIGHEST), BANDS + 2))
    bins = np.fft.rfftfreq(N_FFT, 1 / RATE)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    shapes = np.maximum(np.minimum(rising, falling), 0)
    # a band that lies between two bins takes the nearer one
    nearest = np.abs(bins - edges[1:-1, None]).argmin(axis=1)
    empty = shapes.sum(axis=1) == 0
    shapes[empty, nearest[empty]] = 1
    filters: NDArray[np.float32] = (shapes / shapes.sum(axis=1, keepdims=True)).astype(np.float32)
    return filters
