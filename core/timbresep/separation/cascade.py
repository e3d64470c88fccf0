"""A source model, then the network: which part of the mixture each instrument is looked for in.

A source counts as far as it is sure that it sounds: a source model finds something of each source
in any music, and what is not sure stays in the mixture. The source itself is the stem where it is for one instrument only. Instruments that have a source in common
share it, as they would share a mixture; all others share what is left of the mixture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbresep.checkpoint import Checkpoint
from timbresep.separation.query import Query, Vector, query
from timbresep.separation.sources import Places
from timbresep.separation.streaming import Rows

Sure = NDArray[np.float64]

PRESENT_DB = -8.0
"""Level of a source, relative to the mixture, at which it counts as half present."""
SLOPE_DB = 1.0
CERTAIN = 0.02
"""A source that is present, or absent, with less doubt than this is so altogether."""


@dataclass(frozen=True)
class Part:
    """A signal in which instruments are looked for.

    Attributes:
        source: number of the source; None: what the sources that are present leave of the mixture.
        stems: places of its instruments among those asked for.
        query: what to ask the network; None: the source itself is the stem.
        elsewhere: of each of its instruments, the number of the source that is there for it, if
            that is another part.
        known_elsewhere: the same of each instrument of joint masking.
    """

    source: int | None
    stems: tuple[int, ...]
    query: Query | None
    elsewhere: tuple[int | None, ...]
    known_elsewhere: tuple[int | None, ...] = ()

    def signal(self, mixture: Rows, sources: Rows, sure: Sure) -> Rows:
        """The part of a window: (channels, samples).

        Args:
            mixture: (channels, samples).
            sources: (sources, channels, samples).
            sure: how sure it is that each source is present, 0 for the rest.
        """
        if self.source is not None:
            own: Rows = sources[self.source]
            return own
        if not sure.any():
            return mixture
        left = mixture.copy()
        for certainty, source in zip(sure, sources, strict=True):
            left -= np.float32(certainty) * source
        return left

    def share(self, sure: Sure) -> Sure:
        """How much of each instrument's stem comes from this part, 0 to 1."""
        if self.source is not None:
            return np.full(len(self.stems), sure[self.source])
        return _outside(self.elsewhere, sure)

    def presence(self, sure: Sure) -> Sure:
        """How much each instrument of joint masking may claim of this part, 0 to 1."""
        return _outside(self.known_elsewhere, sure)


def _outside(elsewhere: Sequence[int | None], sure: Sure) -> Sure:
    return np.array([1.0 if n is None else 1.0 - sure[n] for n in elsewhere])


def parts_of(
    checkpoint: Checkpoint,
    conditions: Mapping[str, Vector],
    instruments: Sequence[str],
    known: Mapping[str, Vector],
    places: Places | None,
) -> list[Part]:
    """Where to look for instruments.

    Args:
        checkpoint, conditions, instruments, known: as for `query`.
        places: the sources; None: there is the mixture only.

    Returns:
        What is left of the mixture, in which every instrument is looked for: a source that is not
        present holds none. Then each source that is there for some of them.
    """
    everything = query(checkpoint, conditions, instruments, known)
    all_stems = tuple(range(len(instruments)))
    if places is None:
        nowhere = (None,) * len(instruments)
        return [Part(None, all_stems, everything, nowhere, (None,) * len(known))]
    holders = tuple(places.holder(name) for name in instruments)
    held = tuple(places.holder(name) for name in known)
    found = [Part(None, all_stems, everything, holders, held)]
    for source in sorted({n for n in holders if n is not None}):
        stems = tuple(i for i in all_stems if holders[i] == source)
        names = [instruments[i] for i in stems]
        members = {name: known[name] for name in known if places.holder(name) == source}
        alone = len({*names, *members}) == 1
        own = None if alone else query(checkpoint, conditions, names, members)
        nowhere = (None,) * len(names)
        found.append(Part(source, stems, own, nowhere, (None,) * len(members)))
    return found


def presence(mixture: Rows, sources: Rows, places: Places) -> Sure:
    """How sure it is that each source sounds in a window, by its level.

    Args:
        mixture: (channels, samples), not silent.
        sources: (sources, channels, samples).
        places: which of them is the rest.

    Returns:
        (sources,), 0 to 1; 0 for the rest, which is never taken out of the mixture.
    """
    total = np.square(mixture, dtype=np.float64).sum()
    energy = np.square(sources, dtype=np.float64).sum(axis=(1, 2))
    level = 10 * np.log10(energy / total + 1e-12)
    sure = 1 / (1 + np.exp((PRESENT_DB - level) / SLOPE_DB))
    sure[sure < CERTAIN] = 0.0
    sure[sure > 1 - CERTAIN] = 1.0
    for number, name in enumerate(places.sources):
        if name == places.rest:
            sure[number] = 0.0
    return np.asarray(sure)
