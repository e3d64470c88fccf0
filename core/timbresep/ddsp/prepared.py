"""Solo recordings made ready for training: one file of audio and features for an instrument.

Training then needs neither audio readers nor a pitch tracker, so it runs anywhere torch does.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save as to_bytes
from torch import Tensor

from timbresep.ddsp.features import FRAME_RATE, HOP, SAMPLE_RATE, VOICED, Features, Range, extract
from timbresep.ddsp.solo_check import QUIETEST, SOUNDING_RANGE, check_notes, check_recording
from timbresep.errors import AudioError, CheckpointError, DataError
from timbresep.files import sha256_of, write_bytes
from timbresep.formats.tensor_file import read_json, read_tensors
from timbresep.formats.text import shown
from timbresep.running.progress import CountDone

log = logging.getLogger(__name__)

FORMAT = "timbresep-solos"
VERSION = 2
FEATURES = ("f0_hz", "f0_confidence", "loudness_db")
HELD_OUT = 8
"""One file in this many is held out of training, one at least where there are two."""
STRIDE = 25
"""Frames from the start of a passage to that of the next."""


@dataclass(frozen=True)
class Prepared:
    """Solos and their features, all files one after another.

    Attributes:
        audio: int16 (frames · 64,) at 16 kHz.
        f0_hz, f0_confidence, loudness_db: (frames,). Fundamentals are 0 without an f0 range.
        ends: frame after the last of each file (files,).
        metadata: names of the files, f0 range, key.
    """

    audio: Tensor
    f0_hz: Tensor
    f0_confidence: Tensor
    loudness_db: Tensor
    ends: Tensor
    metadata: dict[str, Any]

    @property
    def frames(self) -> int:
        """Number of frames, 250 a second."""
        return len(self.f0_hz)

    def sounding(self) -> Tensor:
        """Which frames sound at all, bool (frames,)."""
        return sounding(self.loudness_db)

    @property
    def pitched(self) -> bool:
        """Whether the instrument has an f0 range."""
        return self.metadata["f0_range"] is not None

    def voiced(self) -> Tensor:
        """Which frames sound at a pitch that the tracker is sure of, bool (frames,)."""
        return self.sounding() & (self.f0_confidence >= VOICED)

    def held_out(self) -> list[tuple[int, int]]:
        """What is kept from training: frames (first, end) of whole files, evenly spaced.

        Of a single file it is the last tenth.
        """
        ends = [0, *self.ends.tolist()]
        files = len(ends) - 1
        if files == 1:
            return [(round(0.9 * ends[1]), ends[1])]
        count = max(files // HELD_OUT, 1)
        chosen = [(2 * index + 1) * files // (2 * count) for index in range(count)]
        return [(ends[file], ends[file + 1]) for file in chosen]

    def held_out_names(self) -> str:
        """The same in words."""
        if len(self.ends) == 1:
            return f"the last tenth of {self.metadata['files'][0]}, the only recording"
        begins = [0, *self.ends.tolist()]
        return ", ".join(
            self.metadata["files"][begins.index(first)] for first, _ in self.held_out()
        )

    def windows(self, length: int) -> Tensor:
        """First frames of the passages to learn from (windows,).

        A passage lies in one file, sounds for at least 30 % of its time, and has a sure pitch in
        at least 70 % of what sounds. One of an unpitched instrument has only to sound.

        Args:
            length: frames of a passage.
        """
        starts: list[Tensor] = []
        sums = torch.stack([self.sounding(), self.voiced()]).long().cumsum(1)
        sums = torch.nn.functional.pad(sums, (1, 0))  # (2, frames + 1)
        begin = 0
        for end in self.ends.tolist():
            starts.append(torch.arange(begin, max(end - length + 1, begin), STRIDE))
            begin = end
        first = torch.cat(starts)
        first = first[first + length <= self.frames]
        sounding, voiced = sums[:, first + length] - sums[:, first]
        if not self.pitched:
            return first[sounding > 0]
        return first[(sounding >= 0.3 * length) & (voiced >= 0.7 * sounding)]


def sounding(loudness_db: Tensor) -> Tensor:
    """Which frames of a recording sound at all, bool (frames,), from their loudness in dB."""
    loud = torch.quantile(loudness_db[:: max(len(loudness_db) // 100_000, 1)], 0.95)
    return loudness_db > max(float(loud) - SOUNDING_RANGE, QUIETEST)


def prepare(
    solos: Sequence[Path],
    f0_range: Range,
    out: Path,
    progress: CountDone | None = None,
) -> Path:
    """Read solo recordings, resample them to 16 kHz mono and extract their features.

    A file that was made before from the same recordings (by content) and range is kept as it is.

    Args:
        solos: recordings of one instrument alone, at 16 kHz or more, one note at a time.
        f0_range: lowest and highest fundamental to look for, Hz; None for an unpitched instrument,
            whose recordings may hold anything that sounds.
        out: safetensors file to write; about 2 MB a minute.
        progress: called with (files done, files).

    Returns:
        ``out``.

    Raises:
        DataError: no recordings, or one that is noise, percussion or chords.
        AudioError: a recording that cannot be read, is silent, clipped or at a rate below 16 kHz.
        MissingToolError: the tracker is not installed.
    """
    if not solos:
        raise DataError("no solo recordings given", "name a folder with .wav or .flac files")
    key = _key(solos, f0_range)
    if out.is_file() and _metadata(out).get("key") == key:
        return out
    parts: list[dict[str, np.ndarray[Any, Any]]] = []
    for number, path in enumerate(solos):
        mono, found = read_solo(path, f0_range)
        frames = len(mono) // HOP
        parts.append(
            {
                "audio": np.rint(np.clip(mono[: frames * HOP], -1, 1) * 32767).astype(np.int16),
                "f0_hz": found.f0_hz[:frames],
                "f0_confidence": found.f0_confidence[:frames],
                "loudness_db": found.loudness_db[:frames],
            }
        )
        if progress:
            progress(number + 1, len(solos))
    tensors = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    tensors["ends"] = np.cumsum([len(part["f0_hz"]) for part in parts], dtype=np.int64)
    header = {
        "version": VERSION,
        "key": key,
        "f0_range": list(f0_range) if f0_range else None,
        "files": [shown(path.name) for path in solos],
        "seconds": round(len(tensors["f0_hz"]) / FRAME_RATE, 1),
    }
    write_bytes(out, to_bytes(tensors, {FORMAT: json.dumps(header)}))
    log.info("prepared %.1f s of solos in %s", header["seconds"], out)
    return out


def read_solo(
    path: Path, f0_range: Range
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], Features]:
    """Read one recording as 16 kHz mono, with its features.

    Args:
        path: a recording of one instrument alone.
        f0_range: lowest and highest fundamental to look for, Hz; None looks for none.

    Raises:
        DataError: it is noise, percussion or chords, and the instrument is pitched.
        AudioError: it cannot be read, is silent, clipped, too short or at a rate below 16 kHz.
        MissingToolError: the tracker is not installed.
    """
    from timbresep.audio import read, resample

    wave, rate = read(path)
    check_recording(wave, rate, str(path))
    mono = resample(wave.mean(axis=0, keepdims=True), rate, SAMPLE_RATE)[0]
    if len(mono) < FRAME_RATE // 10 * HOP:
        raise AudioError(f"{path} is too short ({len(mono) / SAMPLE_RATE:.3f} s)", "leave it out")
    found = extract(mono, SAMPLE_RATE, f0_range)
    if f0_range is not None:
        check_notes(mono, found, str(path))
    return mono, found


def load(path: Path) -> Prepared:
    """Read what `prepare` wrote.

    Raises:
        DataError: the file is missing, cut or of another kind.
    """
    header = _metadata(path)
    if header.get("version") != VERSION:
        raise DataError(f"{path}: not prepared solos of version {VERSION}", "prepare them again")
    try:
        tensors = read_tensors(path)
    except CheckpointError as error:
        raise DataError(f"{path}: cannot read prepared solos ({error})", "delete it") from error
    if not _fit(tensors, header):
        raise DataError(f"{path}: prepared solos that do not fit together", "delete it")
    return Prepared(**tensors, metadata=header)


def _fit(tensors: dict[str, Tensor], header: dict[str, Any]) -> bool:
    """Whether tensors and header are those of one set of solos."""
    if set(tensors) != {"audio", "ends", *FEATURES}:
        return False
    audio, ends = tensors["audio"], tensors["ends"]
    span, files = header.get("f0_range", 0), header.get("files")
    if ends.dim() != 1 or ends.dtype != torch.int64 or audio.dtype != torch.int16:
        return False
    steps = torch.diff(ends, prepend=ends.new_zeros(1))
    frames = int(ends[-1]) if len(ends) else 0
    return (
        bool((steps > 0).all())
        and audio.shape == (frames * HOP,)
        and all(tensors[name].shape == (frames,) for name in FEATURES)
        and all(tensors[name].dtype == torch.float32 for name in FEATURES)
        and all(bool(torch.isfinite(tensors[name]).all()) for name in FEATURES)
        and isinstance(files, list)
        and len(files) == len(ends) > 0
        and all(isinstance(name, str) for name in files)
        and (span is None or (isinstance(span, list) and len(span) == 2))
    )


def _metadata(path: Path) -> dict[str, Any]:
    """The header of a prepared file."""
    try:
        return read_json(path, FORMAT)
    except CheckpointError as error:
        raise DataError(f"{path}: cannot read prepared solos ({error})", "delete it") from error


def _key(solos: Sequence[Path], f0_range: Range) -> str:
    """Hash of the recordings' contents and of what else the result depends on."""
    digest = hashlib.sha256(f"{VERSION} {f0_range}".encode())
    for path in solos:
        if not path.is_file():
            raise DataError(f"{path}: no such solo recording", "check the path")
        digest.update(bytes.fromhex(sha256_of(path)))
    return digest.hexdigest()
