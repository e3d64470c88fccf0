"""What an adapter is: a kind of dataset, and what it finds where a copy of one lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pydantic

from timbresep.config import Model
from timbresep.data.sources.naming import Naming
from timbresep.data.sources.raw_track import Problem, RawTrack


@dataclass(frozen=True)
class Location:
    """A dataset to look into.

    Attributes:
        root: its folder.
        naming: what its labels stand for.
        licence: terms of its audio where it states none itself.
        owner: the instrument of a folder that names none.
        bleed: keep recordings with bleed from other instruments.
    """

    root: Path
    naming: Naming = field(default_factory=Naming)
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
    matches: Callable[[Location], bool]
    find: Callable[[Location], Iterator[RawTrack | Problem]]
    licence: str = "unknown"
    get: str = ""
    sizes: tuple[int, ...] = ()


class LenientModel(Model):
    """Metadata of a dataset: keys that are of no use here may be there too."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)
