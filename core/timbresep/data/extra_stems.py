"""Extra instruments as training knows them: where their stems are, and conditions for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.condition import tone_store, vector
from timbresep.data.track import Track

TABLES = "extras.safetensors"
"""File beside a track's stems: the tone tables of its extra instruments, by stem."""


class ExtraStems:
    """The stems of extra instruments in some tracks.

    Each is an instrument of its own, known by the name of its stem. A condition for it is drawn
    from its own table, as those of plugins' instruments are drawn from theirs.

    Args:
        tracks: any; those without a file of tables have none.
        version: of the conditions.
        share: how often a condition is that of the whole table, as it is.

    Raises:
        DataError: a file of tables cannot be read.
    """

    def __init__(self, tracks: Sequence[Track], version: int, share: float) -> None:
        self.version, self.share = version, share
        self._files: dict[str, Path] = {}
        for track in tracks:
            path = tables_of(track)
            if path is not None:
                self._files |= dict.fromkeys(extras_in(track.stems), path)
        self.names = list(self._files)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def condition(self, name: str, rng: np.random.Generator) -> NDArray[np.float32]:
        """A condition ``(dim,)`` for the stem of this name."""
        table = tone_store.read(self._files[name], name)
        if rng.random() < self.share:
            return vector.condition(table, version=self.version)
        return vector.draw(table, rng, self.version)


def tables_of(track: Track) -> Path | None:
    """The file of a track's tone tables, None when no extra instrument plays."""
    return _tables_beside(track.stems)


def extras_in(stems: Mapping[str, Path]) -> list[str]:
    """Which stems of a track are extra instruments.

    Args:
        stems: name → file.

    Raises:
        DataError: the file of their tables cannot be read.
    """
    path = _tables_beside(stems)
    names = [] if path is None else tone_store.names(path)
    return [name for name in names if name in stems]


def _tables_beside(stems: Mapping[str, Path]) -> Path | None:
    path = next(iter(stems.values())).parent / TABLES if stems else None
    return path if path and path.is_file() else None
