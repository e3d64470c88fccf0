"""Whether a test's sounds are recordings that training had.

    python tools/shared_recordings.py TEST TRAINED... [--seconds 0.25]

TEST and TRAINED are soundfonts (.sf2), or folders of recorded notes named by pitch (`C#4v2.flac`).
From each sound of TEST a piece is looked for, by normalised cross-correlation at 16 kHz, in every
sound of TRAINED whose pitch is within a semitone of its own, an octave up or down included. Prints
the pairs that are more alike than ALIKE. The same recording gives 1, or a little less where it was
filtered; tones that are hardly more than a sine come near that too, whoever plays them, and the
less so the longer the piece (--seconds). Sounds shorter than the piece are not looked for.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
from rich.console import Console
from rich.progress import track

from timbresep import audio
from timbresep.data.rendering.sampler import find_notes

Wave = npt.NDArray[np.float32]

RATE = 16_000
ALIKE = 0.9
START_S, MOST_S = 0.08, 3.0
SIZE = 2**17  # of transforms, in samples: longer than two sounds


@dataclass(frozen=True)
class Sound:
    """A recording (samples,) at 16 kHz, its MIDI pitch where it has one."""

    name: str
    midi: int | None
    wave: Wave


def sounds(path: Path) -> Iterator[Sound]:
    """All sounds of a soundfont or a folder."""
    if path.is_file():
        yield from of_soundfont(path)
        return
    folders = sorted({file.parent for file in path.rglob("*") if file.is_file()})
    for folder in folders:
        for midi, layers in find_notes(folder).items():
            for file in layers:
                if file.parent == folder:
                    stereo, rate = audio.read(file)
                    yield Sound(str(file), midi, at_rate(stereo.mean(axis=0), rate))


def of_soundfont(path: Path) -> Iterator[Sound]:
    """The samples of a SoundFont 2 file (specification 2.01, section 7.10)."""
    data = path.read_bytes()
    pool = np.frombuffer(chunk(data, b"smpl"), dtype="<i2").astype(np.float32) / 2**15
    headers = chunk(data, b"shdr")
    for at in range(0, len(headers) - 46, 46):  # the last is a terminator
        fields = struct.unpack("<20s5I2B2H", headers[at : at + 46])
        name = fields[0].split(b"\0")[0].decode("latin-1")
        start, end, rate, pitch = fields[1], fields[2], fields[5], fields[6]
        if end > start and rate:
            wave = at_rate(pool[start:end], rate)
            yield Sound(f"{path.name}: {name}", None if pitch >= 128 else pitch, wave)


def chunk(data: bytes, name: bytes) -> bytes:
    """Content of the only RIFF chunk of that name."""
    at = data.index(name)
    (size,) = struct.unpack("<I", data[at + 4 : at + 8])
    return data[at + 8 : at + 8 + size]


def at_rate(wave: Wave, rate: int) -> Wave:
    """The beginning of a waveform (samples,) at 16 kHz."""
    return np.asarray(soxr.resample(wave[: int(MOST_S * rate)], rate, RATE), dtype=np.float32)


def near(one: int | None, other: int | None) -> bool:
    """Whether two pitches are within a semitone, octaves apart included."""
    if one is None or other is None:
        return True
    return abs(one - other) <= 13 and (one - other) % 12 in (11, 0, 1)


def alikeness(pieces: Wave, wave: Wave) -> Wave:
    """Greatest normalised cross-correlation of pieces (pieces, n) anywhere in a waveform."""
    length = pieces.shape[1]
    spectrum = np.fft.rfft(wave, SIZE)
    product = np.fft.irfft(np.fft.rfft(pieces, SIZE).conj() * spectrum, SIZE)
    places = len(wave) - length + 1
    energy = np.cumsum(np.concatenate([[0.0], wave.astype(np.float64) ** 2]))
    local = np.sqrt(np.maximum(energy[length:] - energy[:-length], 0))
    loud = local > 1e-2 * local.max()
    scale = np.where(loud, local, np.inf)
    found: Wave = (np.abs(product[:, :places]) / scale).max(axis=1).astype(np.float32)
    return found


def main() -> None:
    """Compare all and print what is alike."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("test", type=Path)
    parser.add_argument("trained", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=0.25, help="length of a piece")
    options = parser.parse_args()
    length = round(options.seconds * RATE)
    tests, pieces = [], []
    for sound in sounds(options.test):
        piece = sound.wave[int(START_S * RATE) :][:length]
        power = float(np.sqrt((piece**2).sum()))
        if len(piece) == length and power > 0:
            tests.append(sound)
            pieces.append(piece / power)
    matrix = np.stack(pieces)
    console = Console(width=160)
    highest, compared = 0.0, 0
    trained = [sound for path in options.trained for sound in sounds(path)]
    for sound in track(trained, "comparing", console=Console(stderr=True)):
        rows = [k for k, test in enumerate(tests) if near(test.midi, sound.midi)]
        if not rows or len(sound.wave) < matrix.shape[1] or not sound.wave.any():
            continue
        found = alikeness(matrix[rows], sound.wave)
        compared += len(rows)
        highest = max(highest, float(found.max()))
        for row, value in zip(rows, found, strict=True):
            if value > ALIKE:
                console.print(f"{value:.3f}  {tests[row].name}  {sound.name}", markup=False)
    console.print(
        f"{compared} pairs of {len(tests)} and {len(trained)} sounds; highest {highest:.3f}"
    )


if __name__ == "__main__":
    main()
