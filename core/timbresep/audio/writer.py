"""Write audio files block by block: formats, sample formats, clipping, errors of the disk."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from timbresep.audio import ogg_serial as ogg
from timbresep.errors import AudioError

Wave = npt.NDArray[np.float32]
"""A waveform, (channels, samples)."""

BLOCK = 65_536
"""Frames read or written at a time: 1.5 s at 44.1 kHz."""

FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".opus": "OPUS", ".mp3": "MP3"}
"""The formats that are written, by suffix; everything libsndfile knows is read."""

SUBTYPES = {
    "WAV": ("FLOAT", "PCM_24", "PCM_16"),
    "FLAC": ("PCM_24", "PCM_16"),
    "OGG": ("VORBIS",),
    "OPUS": ("OPUS",),
    "MP3": ("MPEG_LAYER_III",),
}
"""The sample formats that are written; the first of each is the default."""

_CONTAINERS = {"OPUS": "OGG"}
"""What a format is kept in, where that has another name."""

_RATES = {
    "OPUS": (8000, 12_000, 16_000, 24_000, 48_000),
    "MP3": (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
"""The sample rates that a format can have, Hz; other recordings are resampled to its highest."""

UNTOLD = ("the system refused it", "the disk took only a part of it")
"""What is known of a failure of which libsndfile tells nothing."""

_BYTES = {"FLOAT": 4, "PCM_24": 3, "PCM_16": 2}
_WAV_LIMIT = 2**32 - 2**16  # a WAV header counts bytes in 32 bits


class AudioWriter:
    """A file written block by block, that remembers its peak.

    Args:
        temporary: where the bytes go.
        path: the name that the file will get; its suffix chooses the format, errors name it.
        rate: Hz.
        channels: how many.
        frames: expected length, so that a WAV beyond 4 GiB is written as RF64.
        subtype: as in `write`.
    """

    def __init__(
        self,
        temporary: Path,
        path: Path,
        rate: int,
        channels: int,
        *,
        frames: int,
        subtype: str | None = None,
    ) -> None:
        self.path = path
        self.subtype = checked_subtype(path, subtype)
        self.peak = 0.0
        self.frames = 0
        kind = FORMATS[path.suffix.lower()]
        self._converter = None
        if rate not in (rates := _RATES.get(kind, (rate,))):
            self._converter = soxr.ResampleStream(rate, rates[-1], channels, "float32", "HQ")
            rate = rates[-1]
        size = frames * channels * _BYTES.get(self.subtype, 0)
        if kind == "WAV" and size > _WAV_LIMIT:
            kind = "RF64"
        self._temporary = temporary
        try:
            self._sound = soundfile.SoundFile(
                file_name(temporary),
                "w",
                rate,
                channels,
                self.subtype,
                format=_CONTAINERS.get(kind, kind),
                compression_level=0.0 if kind == "MP3" else None,
            )
        except soundfile.LibsndfileError as error:
            reason = _told_by(path.parent) or reason_of(error)
            raise AudioError(
                f"cannot write {path}: {reason}",
                hint="check the folder's permissions, the sample rate and the channels",
            ) from error
        if (kind, self.subtype) == ("WAV", "FLOAT"):
            _without_peaks(self._sound)

    def write(self, wave: Wave) -> None:
        """Append a block (channels, samples); in an integer format, what exceeds ±1 is clipped."""
        if wave.shape[1] == 0:
            return
        self.peak = max(self.peak, float(np.abs(wave).max()))
        with write_errors(self.path):
            for start in range(0, wave.shape[1], BLOCK):
                part = np.ascontiguousarray(wave[:, start : start + BLOCK].T)  # (frames, channels)
                if self._converter is not None:
                    part = self._converter.resample_chunk(part)
                self._write(_quantised(part, self.subtype))
        self.frames += wave.shape[1]

    def _write(self, part: npt.NDArray[np.generic]) -> None:
        try:
            self._sound.write(part)
        except AssertionError as error:  # how soundfile says that not all was taken
            raise OSError(UNTOLD[1]) from error

    def close(self) -> None:
        """Flush and close; an error of the disk is an AudioError."""
        with write_errors(self.path):
            if self._converter is not None:
                end = np.zeros((0, self._sound.channels), np.float32)
                self._write(
                    _quantised(self._converter.resample_chunk(end, last=True), self.subtype)
                )
            self._sound.close()
            if self.subtype in ("VORBIS", "OPUS"):
                ogg.renumber(self._temporary)

    def clipped(self) -> str:
        """A sentence when the format clipped what was written, else an empty string."""
        if self.subtype == "FLOAT" or self.peak <= 1.0:
            return ""
        return (
            f"{self.path}: peaks at {self.peak:.3f} and was clipped at 1 "
            f"({self.subtype} holds no more); write 32-bit float WAV to keep it"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        with contextlib.suppress(AudioError):  # the first error is the one to tell
            self.close()


def _quantised(part: Wave, subtype: str) -> npt.NDArray[np.generic]:
    """Round and clip to the integers that a PCM format stores; other formats take the floats.

    The scale is 2^(bits − 1), the one that reading divides by, so PCM survives a round trip.
    """
    if subtype not in ("PCM_16", "PCM_24"):
        return part if subtype == "FLOAT" else np.clip(part, -1.0, 1.0)
    full = 2.0 ** (15 if subtype == "PCM_16" else 23)
    whole = np.clip(np.rint(part.astype(np.float64) * full), -full, full - 1)
    # libsndfile takes 16-bit samples as int16, and 24-bit ones as the high bytes of an int32
    return whole.astype(np.int16) if subtype == "PCM_16" else whole.astype(np.int32) << 8


def file_name(path: str | os.PathLike[str]) -> str | bytes:
    """A path as soundfile takes it, which by itself refuses names that are not UTF-8."""
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


def _without_peaks(sound: soundfile.SoundFile) -> None:
    """Leave out the chunk of peaks: it holds the time, so that no two files would be the same.

    libsndfile has a command for it, which soundfile does not pass on.
    """
    set_add_peak_chunk, off = 0x1050, 0
    soundfile._snd.sf_command(sound._file, set_add_peak_chunk, soundfile._ffi.NULL, off)


def checked_subtype(path: Path, subtype: str | None = None) -> str:
    """The sample format for a file of this name; AudioError when it cannot be written."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise AudioError(
            f"cannot write {path}: unknown format {path.suffix!r}",
            hint=f"use one of {', '.join(FORMATS)}",
        )
    if subtype is None:
        return SUBTYPES[kind][0]
    if subtype not in SUBTYPES[kind]:
        raise AudioError(
            f"cannot write {path}: {kind} has no {subtype}",
            hint=f"use one of {', '.join(SUBTYPES[kind])}",
        )
    return subtype


@contextlib.contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn errors of the file system or libsndfile while writing ``path`` into an AudioError."""
    try:
        yield
    except (OSError, soundfile.LibsndfileError) as error:
        reason = reason_of(error)
        if reason in UNTOLD:
            reason = _told_by(path.parent) or reason
        raise AudioError(
            f"cannot write {path}: {reason}",
            hint="check the folder's permissions and the free space",
        ) from error


def _told_by(folder: Path) -> str:
    """Why a folder takes no more bytes, in the system's words; libsndfile only fails."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(BLOCK))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return reason_of(error)
    return ""


def reason_of(error: BaseException) -> str:
    """The short reason inside an exception, without its type, path or number."""
    if isinstance(error, soundfile.LibsndfileError):
        reason = str(error.error_string).rstrip(".")
        return UNTOLD[0] if reason == "System error" else reason
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).rstrip(".") or type(error).__name__
