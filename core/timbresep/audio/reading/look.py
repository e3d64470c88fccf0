"""Look into a file before a decoder does: what it is, and what its header gets wrong."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from timbresep.audio.reading import chunked, flac, mpeg, ogg, program, riff
from timbresep.audio.reading.kind import Kind, after_tags, foreign
from timbresep.audio.reading.pieces import Data
from timbresep.audio.reading.plan import Plan
from timbresep.errors import AudioError

_W64 = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")

_READERS: tuple[tuple[bytes, Callable[[Data, Path, int], Plan]], ...] = (
    (b"RIFF", riff.plan),
    (b"RIFX", riff.plan),
    (b"RF64", riff.plan),
    (b"BW64", riff.plan),
    (b"FORM", chunked.form),
    (b".snd", chunked.au),
    (b"dns.", chunked.au),
    (b"caff", chunked.caf),
    (_W64, chunked.w64),
    (b"Creative Voice File", chunked.voc),
    (b"NIST_1A", chunked.nist),
    (b"OggS", ogg.plan),
    (b"fLaC", flac.plan),
)

_MP3_NAMES = (".mp3", ".mp2", ".mp1", ".mpa", ".mpga")


@lru_cache(maxsize=4096)
def plan(path: Path, size: int, changed: int) -> Plan:
    """How a file is to be read.

    Args:
        path: the file.
        size: its bytes, not 0.
        changed: when, in ns; a file that changed is looked at again.

    Raises:
        AudioError: it is cut short, or no audio.
        OSError: it cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = after_tags(data)
        head = data[start : start + 32]
        for mark, reader in _READERS:
            if head.startswith(mark) and (mark != b"RIFF" or head[8:12] == b"WAVE"):
                found = reader(data, path, start)
                if start and not found.parts:  # libsndfile does not expect a tag there
                    found = replace(found, parts=(((start, len(data) - start),),))
                return replace(found, name=found.name or mark.decode("latin-1"))
        if (kind := foreign(data, start)) is not None:
            return _other(path, kind)
        named_so = bool(start) or path.suffix.lower() in _MP3_NAMES
        if (frames := mpeg.plan(data, path, start, search=named_so)) is not None:
            return frames
        if named_so or _looks_like_sync(data):
            raise AudioError(
                f"{path}: not readable as audio (no MPEG frames in it)",
                hint="the file is cut or corrupt; get a whole copy",
            )
        return Plan()


def _looks_like_sync(data: Data) -> bool:
    """Whether libsndfile would take the file for MP3."""
    return data[0] == 0xFF and len(data) > 1 and data[1] & 0xE0 == 0xE0


def _other(path: Path, kind: Kind) -> Plan:
    """What libsndfile does not read: audio for ffmpeg, or none."""
    misnamed = path.suffix.lower() not in kind.suffixes
    if not kind.audio:
        raise AudioError(
            f"{path} is {kind.name}, not readable as audio",
            hint="a download may have failed; get the recording itself",
        )
    named = f", although it is named {path.suffix}" if misnamed and path.suffix else ""
    if not program.installed():
        raise AudioError(
            f"{path} is {kind.name}{named}; that is read through ffmpeg, which is not installed",
            hint="install ffmpeg, or convert the file to WAV or FLAC elsewhere",
        )
    note = (f"{path} is {kind.name}{named}; it was read through ffmpeg",) if named else ()
    return Plan(program=True, name=kind.name, notes=note)
