"""What every adapter finds in a dataset: multitracks as they lie on disk, and what is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pydantic

from timbresep.config import Model
from timbresep.data.track import SUFFIXES, Split
from timbresep.errors import DataError
from timbresep.formats.text import shown


class Foreign(Model):
    """A file of somebody else's: keys that are of no use here may be there too."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)


@dataclass(frozen=True)
class Part:
    """One recording: an audio file, or one stream of a file that holds several."""

    path: Path
    stream: int | None = None


@dataclass(frozen=True)
class Found:
    """A multitrack on disk. Its stems may still be several files each, or streams.

    Its texts can be shown and written anywhere, whatever names of files they come from.

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
        by_chance: nobody stated its side; it follows from its name.
    """

    name: str
    piece: str
    split: Split
    sound_source: str
    licence: str
    stems: Mapping[str, tuple[Part, ...]]
    mixture: Part | None = None
    pads: bool = False
    by_chance: bool = False

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
    """

    where: str
    text: str
    skipped: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" + (" (skipped)" if self.skipped else "")


@dataclass(frozen=True)
class Naming:
    """The words that datasets have for instruments.

    Args:
        names: name, alias or label → instrument; compared by `canonical`.
    """

    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plain = {canonical(label): name for label, name in self.names.items()}
        object.__setattr__(self, "names", plain)

    def __call__(self, label: str) -> str:
        """The instrument that a label stands for; without one, the label itself, made plain.

        A number at the end (`Violin 2`) does not matter to an instrument's name.
        """
        name = canonical(label)
        bare = re.sub(r"_?\d+$", "", name)
        return self.names.get(name) or self.names.get(bare) or name

    def knows(self, label: str) -> bool:
        """Whether a label stands for an instrument."""
        return self(label) in self.names.values()


@dataclass(frozen=True)
class Place:
    """A dataset to look into.

    Attributes:
        root: its folder.
        naming: what its labels stand for.
        licence: terms of its audio where it states none itself.
        owner: the instrument of a folder that names none.
        bleed: keep recordings in which other instruments can be heard.
    """

    root: Path
    naming: Naming = Naming()
    licence: str = "unknown"
    owner: str | None = None
    bleed: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of dataset.

    Attributes:
        name: `kind:` in a recipe.
        title: what people call it.
        layout: what is expected below its folder.
        matches: true when a folder looks like it.
        find: its tracks and problems, in the order of their names.
        licence: terms of the audio.
        get: how to get it.
        sizes: tracks of a whole copy, one number for each edition.
    """

    name: str
    title: str
    layout: str
    matches: Callable[[Place], bool]
    find: Callable[[Place], Iterator[Found | Problem]]
    licence: str = "unknown"
    get: str = ""
    sizes: tuple[int, ...] = ()


def canonical(label: str) -> str:
    """A label as it is compared: lower case, one underscore for all that is no letter or digit,
    and without what is in parentheses."""
    bare = re.sub(r"\(.*?\)", " ", label) if label.strip()[:1] != "(" else label
    return re.sub(r"[\W_]+", "_", bare.lower()).strip("_")


def piece_of(artist_and_title: str) -> str:
    """One key for a piece whatever the dataset that has it: letters and digits alone."""
    return re.sub(r"[\W_]+", "", artist_and_title.lower())


def collect(pairs: Iterator[tuple[str, Part]]) -> dict[str, tuple[Part, ...]]:
    """Instrument and recording → instrument and all its recordings."""
    stems: dict[str, tuple[Part, ...]] = {}
    for name, part in pairs:
        stems[name] = (*stems.get(name, ()), part)
    return stems


def beneath(folder: Path, *names: str) -> Path:
    """A file below a folder, as somebody's metadata name it; it may not be there.

    Raises:
        DataError: a name that leads out of the folder, or that no file can have.
    """
    path = folder.joinpath(*names)
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(f"'{name}' leads out of {folder.name}", "correct its metadata")
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise DataError(f"'{names[-1][:60]}' in {folder.name}: {reason}") from error
    return path


def folders_in(root: Path) -> list[Path]:
    """Visible folders in a folder, by name; none when it is not there or may not be read."""
    try:
        return sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
    except OSError:
        return []


def audio_in(folder: Path) -> list[Path]:
    """Visible audio files in a folder, by name; none where it may not be read (`may_be_read`)."""
    try:
        files = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != "."]
        return sorted(p for p in files if p.is_file())
    except OSError:
        return []


def may_be_read(folder: Path) -> None:
    """Raise DataError where a folder's files may not be looked at."""
    if not os.access(folder, os.R_OK | os.X_OK):
        raise DataError(f"{folder}: may not be read", "allow it, or leave the folder out")
