"""Conditions measured on the sound that plays a stem, where a file beside the stem has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.condition import tone_store, vector
from timbresep.condition.tone_table import ToneTable
from timbresep.data.track import Track

TONES = "tones.safetensors"
"""File beside a track's stems: tone tables of the sounds that its instruments play with."""


class StemTones:
    """Draws conditions from the tables beside stems.

    An instrument's own vector is measured on one specimen of it, and what plays is often another.

    Args:
        version: of the conditions.
    """

    def __init__(self, version: int) -> None:
        self.version = version
        self._tables: dict[Path, dict[str, ToneTable]] = {}

    def draw(self, track: Track, name: str, rng: np.random.Generator) -> NDArray[np.float32] | None:
        """A condition ``(dim,)`` of a stem's own sound, None where it is not known.

        Raises:
            DataError: a file of tables cannot be read.
        """
        folder = track.stems[name].parent
        if folder not in self._tables:
            path = folder / TONES
            names = tone_store.names(path) if path.is_file() else []
            self._tables[folder] = {name: tone_store.read(path, name) for name in names}
        table = self._tables[folder].get(name)
        return None if table is None else vector.draw(table, rng, self.version)
