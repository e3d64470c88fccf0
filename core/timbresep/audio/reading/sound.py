"""An audio file that is open for reading: libsndfile or ffmpeg behind one class."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import soundfile

from timbresep.audio.reading import hush, look, program
from timbresep.audio.reading.pieces import Pieces
from timbresep.audio.reading.plan import Plan
from timbresep.audio.writer import BLOCK, file_name, reason_of
from timbresep.errors import AudioError

Frames = npt.NDArray[np.float32]
"""(frames, channels)"""


class Sound:
    """A file open for reading.

    Attributes:
        rate: Hz.
        channels: how many.
        slack: frames that may lack at the end.
        notes: what was assumed about the file.

    Raises:
        AudioError: the file is missing, a folder, empty, cut, or not audio that can be read here.
    """

    def __init__(self, path: Path) -> None:
        self._identity = _identity(path)
        with _system_errors(path):
            self._plan = look.plan(*self._identity)
            self._source = _source(path, self._plan)
        self.notes, self.slack = self._plan.notes, self._plan.slack
        self.rate, self.channels = self._source.rate, self._source.channels

    @property
    def frames(self) -> int:
        """Length in frames; what ffmpeg reads is decoded to be counted, once."""
        if isinstance(self._source, _Program):
            with _system_errors(self._identity.path):
                return _counted(*self._identity)
        return self._plan.frames or self._source.frames

    def seek(self, frame: int) -> None:
        """Go to a frame; only once, before reading."""
        with _system_errors(self._identity.path):
            self._source.seek(frame)

    def read(self, frames: int) -> Frames:
        """The next frames; fewer at the end, and none behind it.

        Raises:
            soundfile.LibsndfileError: damage that libsndfile finds.
            AudioError: damage that ffmpeg finds.
        """
        with _system_errors(self._identity.path):
            return self._source.read(frames)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Library:
    """libsndfile, on the file itself or on its parts one after the other."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._opened = contextlib.ExitStack()
        self._sounds: list[soundfile.SoundFile] = []
        with self._opened, hush.libmpg123():  # libsndfile tries it on unknown files, too
            for part in plan.parts or (None,):
                file: str | bytes | Pieces = file_name(path)
                if part is not None:
                    file = self._opened.enter_context(Pieces(path, part))
                self._sounds.append(self._opened.enter_context(soundfile.SoundFile(file)))
            kept = self._opened.pop_all()
        self._opened, self._at = kept, 0
        first = self._sounds[0]
        self.rate, self.channels = int(first.samplerate), int(first.channels)
        self.frames = sum(int(sound.frames) for sound in self._sounds)
        self.log = first.extra_info
        mpeg = first.format == "MP3" or first.subtype.startswith("MPEG")
        self._quiet = hush.libmpg123 if mpeg else contextlib.nullcontext
        if any((s.samplerate, s.channels) != (self.rate, self.channels) for s in self._sounds):
            self.close()
            raise AudioError(
                f"{path}: holds recordings of different rates or channels one after the other",
                hint="split it into one file each",
            )

    def seek(self, frame: int) -> None:
        while frame >= self._sounds[self._at].frames and self._at + 1 < len(self._sounds):
            frame -= self._sounds[self._at].frames
            self._at += 1
        with self._quiet():
            self._sounds[self._at].seek(frame)

    def read(self, frames: int) -> Frames:
        while True:
            with self._quiet():
                data: Frames = self._sounds[self._at].read(frames, "float32", always_2d=True)
            if len(data) or self._at + 1 == len(self._sounds):
                return data
            self._at += 1

    def close(self) -> None:
        self._opened.close()


class _Program:
    """ffmpeg."""

    def __init__(self, path: Path) -> None:
        self._stream = _probed(*_identity(path))
        self.rate, self.channels = self._stream.rate, self._stream.channels
        self._path, self._decoder = path, None

    _decoder: program.Decoder | None

    def seek(self, frame: int) -> None:
        # what containers say of positions is not exact to a sample
        while frame > 0 and (skipped := len(self.read(min(BLOCK, frame)))):
            frame -= skipped

    def read(self, frames: int) -> Frames:
        if self._decoder is None:
            self._decoder = program.Decoder(self._path, self._stream)
        return self._decoder.read(frames)

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()


@contextlib.contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into AudioErrors."""
    try:
        yield
    except OSError as error:
        raise AudioError(f"{path}: {reason_of(error)}", hint="check the path") from error


class _Identity(NamedTuple):
    """What stays equal as long as a file is not changed."""

    path: Path
    size: int  # bytes
    changed: int  # ns


def _identity(path: Path) -> _Identity:
    """The identity of a file; AudioError for a folder, or an empty or missing file."""
    if path.is_dir():
        raise AudioError(f"{path} is a folder, not an audio file")
    with _system_errors(path):
        about = path.stat()
    if about.st_size == 0:
        raise AudioError(f"{path} is empty (0 bytes)")
    return _Identity(path, about.st_size, about.st_mtime_ns)


def _source(path: Path, plan: Plan) -> _Library | _Program:
    if plan.program:
        return _Program(path)
    try:
        sound = _Library(path, plan)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a header-less .raw
        if plan.name and program.installed():  # a codec in it that only ffmpeg knows
            with contextlib.suppress(AudioError):
                return _Program(path)
        raise AudioError(
            f"{path}: not readable as audio ({reason_of(error)})",
            hint="convert it to WAV or FLAC first, for example with ffmpeg",
        ) from error
    held_and_promised = _cut(sound.log)
    if held_and_promised or sound.frames < 1:
        sound.close()
    if held_and_promised:
        held, promised = held_and_promised
        raise AudioError(
            f"{path}: cut short; its header promises {promised:,} bytes of audio, "
            f"it holds {held:,}",
            hint="get a whole copy, or save it again to accept the part that is there",
        )
    if sound.frames < 1:
        raise AudioError(f"{path} holds no samples")
    if (
        plan.frames and sound.frames < plan.frames - plan.slack
    ):  # guessed too short: MP2 of many rates
        sound.close()
        raise AudioError(
            f"{path}: libsndfile takes {plan.frames} frames of {plan.name} for {sound.frames}",
            hint="convert it to WAV or FLAC first, for example with ffmpeg",
        )
    return sound


def _cut(log: str) -> tuple[int, int] | None:
    """(held, promised) bytes where libsndfile logs that an old format ends early; else None."""
    if found := re.search(r"^Data length (\d+) should be (\d+)", log, re.MULTILINE):  # WVE
        return int(found[2]), int(found[1])
    if found := re.search(r"seems to be truncated\. (\d+) <--> (\d+)", log):  # MAT4
        return int(found[1]), int(found[2])
    return None


@lru_cache(maxsize=4096)
def _probed(path: Path, size: int, changed: int) -> program.Stream:
    """`program.probe`, once as long as the file stays as it is."""
    del size, changed
    return program.probe(path)


@lru_cache(maxsize=4096)
def _counted(path: Path, size: int, changed: int) -> int:
    """Frames of a file that ffmpeg decodes; the arguments are those of `look.plan`."""
    del size, changed
    source, frames = _Program(path), 0
    try:
        while block := len(source.read(BLOCK)):
            frames += block
    finally:
        source.close()
    if frames == 0:
        raise AudioError(f"{path} holds no samples")
    return frames
