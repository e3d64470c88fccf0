"""What every adapter finds in a dataset: multitracks as they lie on disk, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from timbresep.data.sources.recording import Recording
from timbresep.data.track import Split, Written
from timbresep.errors import DataError, TimbresepError
from timbresep.formats.text import shown

Item = TypeVar("Item")


@dataclass(frozen=True)
class RawTrack:
    """A multitrack on disk. Its stems may still be several files each, or streams.

    Its texts are safe to show and to write, also where they come from names of files.

    Attributes:
        name: name of the track, unique within its source.
        piece: the piece of music, the same in every dataset that has it.
        split: the side of the split.
        sound_source: where its sound comes from.
        licence: terms of the audio.
        stems: instrument (or the dataset's own word) → the recordings that sum to its stem.
        mixture: the dataset's own mixture.
        pads: short recordings are padded with silence at their end, as this dataset means them to
            be; elsewhere unequal lengths are a fault.
        by_chance: its side is not stated and follows from its name.
        written, mixed: as of a `Track`.
    """

    name: str
    piece: str
    split: Split
    sound_source: str
    licence: str
    stems: Mapping[str, tuple[Recording, ...]]
    mixture: Recording | None = None
    pads: bool = False
    by_chance: bool = False
    written: Mapping[str, tuple[Written, ...]] = field(default_factory=dict)
    mixed: bool = False

    def __post_init__(self) -> None:
        for name in ("name", "piece", "sound_source", "licence"):
            object.__setattr__(self, name, shown(getattr(self, name)))


@dataclass(frozen=True)
class Problem:
    """What is wrong with a track or folder.

    Attributes:
        where: the track, file or folder.
        text: what is wrong.
        skipped: the track is left out.
        cause: the error behind it, if there was one.
    """

    where: str
    text: str
    skipped: bool = True
    cause: TimbresepError | None = None

    @classmethod
    def of(cls, where: str, cause: TimbresepError) -> Problem:
        """The problem that an error describes."""
        return cls(where, str(cause), cause=cause)

    @property
    def error(self) -> TimbresepError:
        """The problem as an error, for those who cannot do without the track."""
        return self.cause or DataError(f"{self.where}: {self.text}")

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" + (" (skipped)" if self.skipped else "")


def incomplete(track: str, stems: Iterable[Path]) -> Problem | None:
    """The problem of a track that has no stems, or some that are missing; None if all are there."""
    files = list(stems)
    missing = [path.name for path in files if not path.is_file()]
    if files and not missing:
        return None
    first = f" ({missing[0]})" if missing else ""
    return Problem(track, f"{len(missing)} of {len(files)} stems are missing{first}")


def collect(pairs: Iterable[tuple[str, Item]]) -> dict[str, tuple[Item, ...]]:
    """Instrument and recording → instrument and all its recordings; so with its notes."""
    found: dict[str, tuple[Item, ...]] = {}
    for name, item in pairs:
        found[name] = (*found.get(name, ()), item)
    return found
