"""Read, write and resample audio: a waveform is ``(channels, samples)`` float32 with its rate.

Nothing here changes a sample rate, a length or an existing file without being asked.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from timbresep.audio.reading import mpeg
from timbresep.audio.reading.sound import Sound
from timbresep.audio.writer import BLOCK, AudioWriter, Wave, reason_of, write_errors
from timbresep.errors import AudioError, OutputExistsError
from timbresep.files import atomic_write

log = logging.getLogger(__name__)

MP3_FRAME = mpeg.LARGEST
"""Samples of an MP3 file's last frame, which decoders may not give."""


@dataclass(frozen=True)
class AudioInfo:
    """A file's format: ``rate`` in Hz, length in ``frames`` and ``duration`` in seconds.

    Each of the ``notes`` is a sentence on what was assumed because the header is wrong.
    """

    path: Path
    rate: int
    channels: int
    frames: int
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Describe an audio file; where no header tells its length, its frames are counted.

    Raises:
        AudioError: the file is missing, a folder, empty, cut short or not audio that libsndfile,
            or ffmpeg where it is installed, reads.
    """
    with Sound(Path(path)) as sound:
        return AudioInfo(Path(path), sound.rate, sound.channels, sound.frames, sound.notes)


def read(path: str | os.PathLike[str], start: int = 0, frames: int = -1) -> tuple[Wave, int]:
    """Read a file, or only ``frames`` frames of it from frame ``start`` on.

    Args:
        path: any file that libsndfile reads (WAV, FLAC, Ogg, MP3, AIFF...), and what ffmpeg does
            where it is installed (M4A, WMA, WebM...).
        start: first frame.
        frames: how many frames; −1 for all that follow.

    Returns:
        The waveform (channels, samples) float32, and its rate in Hz.

    Raises:
        AudioError: as `info`; also for a window outside of the file, a file that ends before its
            header says, and a sample that is not a finite number.
    """
    with Sound(Path(path)) as sound:
        parts = list(_blocks(sound, Path(path), BLOCK, start, frames))
        return (parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)), sound.rate


def read_blocks(
    path: str | os.PathLike[str], block: int = BLOCK, start: int = 0, frames: int = -1
) -> Iterator[Wave]:
    """Read a file as successive blocks (channels, ≤ block), so that its length costs no memory.

    Args and errors are those of `read`; an error at a later block is raised when it is reached.
    What an MP3 file lacks of its last frame is silence.
    """
    with Sound(Path(path)) as sound:
        yield from _blocks(sound, Path(path), block, start, frames)


def _blocks(sound: Sound, path: Path, block: int, start: int, frames: int) -> Iterator[Wave]:
    """The blocks of a file that is open; arguments as `read_blocks`."""
    total, rate = sound.frames, sound.rate
    count = total - start if frames < 0 else frames
    if start < 0 or count < 1 or start + count > total:
        raise AudioError(
            f"{path}: asked for {max(count, 0)} frames from frame {start}, but it has {total}",
            hint="ask for a window inside of the file",
        )
    position, end = start, start + count
    try:
        if start:
            sound.seek(start)
        while position < end:
            data = sound.read(min(block, end - position))
            if len(data) == 0 and end - position <= sound.slack:
                data = np.zeros((end - position, sound.channels), np.float32)
            if len(data) == 0:
                raise AudioError(
                    f"{path}: ends at {position / rate:.3f} s, "
                    f"but its header says {total / rate:.3f} s",
                    hint="the file is cut or corrupt; get a whole copy",
                )
            wave = np.ascontiguousarray(data.T)  # (channels, block)
            check_finite(wave, rate, str(path), offset=position)
            position += len(data)
            yield wave
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: unreadable after {position / rate:.3f} s ({reason_of(error)})",
            hint="the file is cut or corrupt; get a whole copy",
        ) from error


def check_finite(wave: Wave, rate: int, name: str, offset: int = 0) -> None:
    """Raise AudioError, naming the time, when a sample is NaN or infinite.

    Args:
        wave: (channels, samples) to look at.
        rate: Hz, to tell the time.
        name: what to call the signal in the message.
        offset: frame number of the first sample.
    """
    finite = np.isfinite(wave).all(axis=0)  # (samples,)
    if not finite.all():
        at = offset + int(np.argmin(finite))
        raise AudioError(
            f"{name}: sample at {at / rate:.3f} s is not a finite number",
            hint="export the audio again; NaN or infinite samples cannot be processed",
        )


def resample(wave: Wave, from_rate: int, to_rate: int) -> Wave:
    """Change the sample rate with soxr's HQ filter; the very same array when the rates are equal.

    Args:
        wave: (channels, samples).
        from_rate: its rate in Hz.
        to_rate: the rate wanted, in Hz.

    Returns:
        (channels, ceil(samples · to_rate / from_rate)) float32, aligned in time with the input.
    """
    if from_rate == to_rate:
        return wave
    if from_rate <= 0 or to_rate <= 0:
        raise AudioError(f"cannot resample from {from_rate} Hz to {to_rate} Hz")
    samples = resampled_length(wave.shape[-1], from_rate, to_rate)
    # a little silence at the end makes sure that the last, rounded-up sample comes out
    padded = np.pad(wave, ((0, 0), (0, 2 + 2 * from_rate // to_rate)))
    out = soxr.resample(padded.T, from_rate, to_rate, quality="HQ").T[:, :samples]
    return np.ascontiguousarray(out, dtype=np.float32)


def resampled_length(samples: int, from_rate: int, to_rate: int) -> int:
    """The length of ``samples`` at ``from_rate`` when it is played at ``to_rate``, rounded up."""
    return -(-samples * to_rate // from_rate)


def write(
    path: str | os.PathLike[str],
    wave: Wave,
    rate: int,
    subtype: str | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write a waveform whole or not at all (to a temporary file in the same folder, then renamed).

    Args:
        path: its ending (`timbresep.audio.writer.FORMATS`) chooses the format.
        wave: (channels, samples).
        rate: Hz.
        subtype: FLOAT, PCM_24 or PCM_16 (VORBIS for .ogg); None for the format's best:
            FLOAT in WAV, PCM_24 in FLAC.
        overwrite: replace a file that is there.

    Raises:
        OutputExistsError: the file is there and ``overwrite`` is false.
        AudioError: unknown format, non-finite samples, or the file system refuses (disk full...).
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists", hint="choose another name or allow overwriting")
    check_finite(wave, rate, str(path))
    with (
        write_errors(path),
        atomic_write(path, replace=overwrite) as temporary,
        AudioWriter(
            temporary, path, rate, wave.shape[0], frames=wave.shape[1], subtype=subtype
        ) as writer,
    ):
        writer.write(wave)
    if message := writer.clipped():
        log.warning(message)
