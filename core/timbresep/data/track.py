"""A track: stems of one piece that sound together, and the side of the split it is on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Split = Literal["train", "valid", "test"]
SUFFIXES = (".flac", ".wav", ".ogg")


@dataclass(frozen=True)
class Written:
    """Where notes of a stem are written, in seconds of its audio.

    Attributes:
        file: MIDI, or another file that `timbresep.notes` reads.
        part: name of the part that the stem plays; None: all parts of the file.
    """

    file: Path
    part: str | None = None


@dataclass(frozen=True)
class Track:
    """One multitrack.

    Attributes:
        name: name of the track, unique within its source.
        piece: the piece of music; a split never puts one piece on two sides.
        sound_source: where its sound comes from (soundfont, recording, …).
        licence: terms of the audio.
        stems: instrument name (or the stem's own name when no plugin claims it) → audio file.
        frames: samples of every stem.
        rate: sample rate of every stem in Hz.
        split: the side of the split.
        mixture: file of the mixture, when there is one beside the stems.
        first: first sample of the stems' files that belongs to it, where a part is held out.
        by_chance: its side is not stated and follows from its name.
        notes: a score of it, where an evaluation looked for one.
        written: stem → where its notes are written, as far as that is known.
        mixed: its stems are not apart: the file of each is the one recording of all of them.
    """

    name: str
    piece: str
    sound_source: str
    licence: str
    stems: dict[str, Path]
    frames: int
    rate: int
    split: Split
    mixture: Path | None = None
    first: int = 0
    by_chance: bool = False
    notes: Path | None = None
    written: Mapping[str, tuple[Written, ...]] = field(default_factory=dict)
    mixed: bool = False

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


def sides(pieces: Iterable[tuple[str, Split]]) -> dict[str, Split]:
    """One side of the split for each piece, even when several datasets have it.

    Where they disagree, test goes before valid and valid before train.
    """
    order: list[Split] = ["train", "valid", "test"]
    strictest: dict[str, Split] = {}
    for piece, split in pieces:
        strictest[piece] = max(split, strictest.get(piece, split), key=order.index)
    return strictest


def split_of(piece: str, seed: int = 0) -> Split:
    """The side of the split a piece is on: 80 % train, 10 % valid, 10 % test, by a stable hash."""
    digest = hashlib.sha256(f"{seed}:{piece}".encode(errors="surrogatepass")).digest()
    position = int.from_bytes(digest[:4], "big") / 2**32
    if position < 0.8:
        return "train"
    return "valid" if position < 0.9 else "test"
