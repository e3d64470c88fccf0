"""Solo recordings made ready for training: one file of audio and features for an instrument.

Training then needs neither audio readers nor a pitch tracker, so it runs anywhere torch does.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from core.config import atomic_write
from core.ddsp.features import FRAME_RATE, HOP, SAMPLE_RATE, VOICED, extract
from core.errors import DataError

log = logging.getLogger(__name__)

FORMAT = "timbresep-solos"
VERSION = 1
SOUNDING_RANGE = 50.0
"""A frame sounds when it is within this many dB of the loud frames (95th percentile)."""


@dataclass(frozen=True)
class Prepared:
    """Solos and their features, all files one after another.

    Attributes:
        audio: int16 (frames · 64,) at 16 kHz.
        f0_hz, f0_confidence, loudness_db: (frames,).
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
        loud = torch.quantile(self.loudness_db[:: max(self.frames // 100_000, 1)], 0.95)
        return self.loudness_db > max(float(loud) - SOUNDING_RANGE, -75.0)

    def voiced(self) -> Tensor:
        """Which frames sound at a pitch that the tracker is sure of, bool (frames,)."""
        return self.sounding() & (self.f0_confidence >= VOICED)

    def windows(self, length: int, stride: int = 25) -> Tensor:
        """First frames of the passages to learn from (windows,).

        A passage lies in one file, sounds for at least 30 % of its time, and has a sure pitch in
        at least 70 % of what sounds (chords, percussion and noise do not).

        Args:
            length: frames of a passage.
            stride: frames between candidates.
        """
        starts: list[Tensor] = []
        sums = torch.stack([self.sounding(), self.voiced()]).long().cumsum(1)
        sums = torch.nn.functional.pad(sums, (1, 0))  # (2, frames + 1)
        begin = 0
        for end in self.ends.tolist():
            starts.append(torch.arange(begin, max(end - length + 1, begin), stride))
            begin = end
        first = torch.cat(starts)
        first = first[first + length <= self.frames]
        sounding, voiced = sums[:, first + length] - sums[:, first]
        return first[(sounding >= 0.3 * length) & (voiced >= 0.7 * sounding)]


def prepare(
    solos: Sequence[Path],
    f0_range: tuple[float, float],
    out: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Read solo recordings, resample them to 16 kHz mono and extract their features.

    A file that was made before from the same recordings (by content) and range is kept as it is.

    Args:
        solos: recordings of one instrument alone, at any rate, with one note at a time.
        f0_range: lowest and highest fundamental to look for, Hz.
        out: safetensors file to write; about 2 MB a minute.
        progress: called with (files done, files).

    Returns:
        ``out``.

    Raises:
        DataError: no recordings, or none of them longer than a frame.
        AudioError: a recording that cannot be read.
        MissingToolError: the tracker is not installed.
    """
    if not solos:
        raise DataError("no solo recordings given", "name a folder with .wav or .flac files")
    key = _key(solos, f0_range)
    if out.is_file() and _metadata(out).get("key") == key:
        return out
    from core.audio import read, resample

    parts: list[dict[str, np.ndarray[Any, Any]]] = []
    for number, path in enumerate(solos):
        wave, rate = read(path)
        mono = resample(wave.mean(axis=0, keepdims=True), rate, SAMPLE_RATE)[0]
        frames = len(mono) // HOP
        if frames:
            mono = np.ascontiguousarray(mono[: frames * HOP])
            found = extract(mono, SAMPLE_RATE, f0_range)
            parts.append(
                {
                    "audio": np.rint(np.clip(mono, -1, 1) * 32767).astype(np.int16),
                    "f0_hz": found.f0_hz[:frames],
                    "f0_confidence": found.f0_confidence[:frames],
                    "loudness_db": found.loudness_db[:frames],
                }
            )
        if progress:
            progress(number + 1, len(solos))
    if not parts:
        raise DataError("the solo recordings are all empty", "give recordings of a few minutes")
    tensors = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    tensors["ends"] = np.cumsum([len(part["f0_hz"]) for part in parts], dtype=np.int64)
    header = {
        "version": VERSION,
        "key": key,
        "f0_range": list(f0_range),
        "files": [path.name for path in solos],
        "seconds": round(len(tensors["f0_hz"]) / FRAME_RATE, 1),
    }
    with atomic_write(out) as temporary:
        save_file(tensors, temporary, {FORMAT: json.dumps(header)})
    log.info("prepared %.1f s of solos in %s", header["seconds"], out)
    return out


def load(path: Path) -> Prepared:
    """Read what `prepare` wrote.

    Raises:
        DataError: the file is missing, cut or of another kind.
    """
    header = _metadata(path)
    if header.get("version") != VERSION:
        raise DataError(f"{path}: not prepared solos of version {VERSION}", "prepare them again")
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Prepared(**tensors, metadata=header)


def _metadata(path: Path) -> dict[str, Any]:
    """The header of a prepared file."""
    try:
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {}).get(FORMAT, "{}"))
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: cannot read prepared solos ({error})", "delete it") from error
    return header if isinstance(header, dict) else {}


def _key(solos: Sequence[Path], f0_range: tuple[float, float]) -> str:
    """Hash of the recordings' contents and of what else the result depends on."""
    digest = hashlib.sha256(f"{VERSION} {f0_range}".encode())
    for path in solos:
        if not path.is_file():
            raise DataError(f"{path}: no such solo recording", "check the path")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
