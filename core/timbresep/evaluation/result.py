"""What an evaluation finds: rows of scores, track by track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Method = Literal[
    "separator", "independent", "consistent", "earlier", "swapped", "oracle", "mixture", "silence"
]
METHODS: tuple[Method, ...] = (
    *("separator", "independent", "consistent", "earlier", "swapped"),
    *("oracle", "mixture", "silence"),
)
KEYS = ("sdr", "sdr_improvement", "si_sdr", "si_sdr_improvement")
"""The scores of a `Row`."""
BSS_KEYS = ("sdr", "isr", "sir", "sar")
"""The scores of a `BssRow`."""


@dataclass(frozen=True)
class Row:
    """One instrument of one track under one method, in dB.

    SI-SDR of silence does not exist: None. The swapped row is the mean over the conditions of
    all other instruments. Independent: each stem estimated by itself, where the separator masks
    jointly. Consistent: all stems of the track are asked for with mixture consistency; only where
    each of them is one of the instruments. Any other method is another system, by its name.
    """

    track: str
    instrument: str
    method: str
    sdr: float
    si_sdr: float | None
    sdr_improvement: float
    si_sdr_improvement: float | None


@dataclass(frozen=True)
class BssRow:
    """BSSEval v4 of one source of one track under one method: dB, medians over the frames.

    None where no frame has a value. The source is an instrument, or what accompanies those asked.
    """

    track: str
    source: str
    method: str
    sdr: float | None
    isr: float | None
    sir: float | None
    sar: float | None


@dataclass(frozen=True)
class Swap:
    """SI-SDR improvement in dB when a track's instrument is asked for with another's condition."""

    track: str
    instrument: str
    condition: str
    si_sdr_improvement: float


@dataclass(frozen=True)
class Leak:
    """Level in dB, relative to the mixture, of a stem whose instrument is not in the track."""

    track: str
    instrument: str
    level: float


@dataclass
class TrackScores:
    """Everything found in one track.

    Attributes:
        track: its name.
        rows, swaps, leaks, bss: the scores.
        mixture_error: level in dB, relative to the mixture, of what the mixture's file and the
            sum of the stems differ by; None when the sum is the mixture.
        notes: what a reader of the scores should know, one line each.
    """

    track: str
    rows: list[Row] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    bss: list[BssRow] = field(default_factory=list)
    mixture_error: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def remarks(self) -> list[str]:
        """The same as `notes`."""
        return self.notes


@dataclass(frozen=True)
class Skipped:
    """A track that could not be scored, and why."""

    track: str
    reason: str


@dataclass
class Evaluation:
    """All scores; see `timbresep.evaluation.table` for tables.

    Attributes:
        instruments: those that were asked for.
        tracks: the scores of each track.
        skipped: the tracks that could not be scored.
    """

    instruments: tuple[str, ...]
    tracks: list[TrackScores] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """The rows of all tracks."""
        return [row for track in self.tracks for row in track.rows]

    @property
    def swaps(self) -> list[Swap]:
        """The swaps of all tracks."""
        return [swap for track in self.tracks for swap in track.swaps]

    @property
    def leaks(self) -> list[Leak]:
        """The leaks of all tracks."""
        return [leak for track in self.tracks for leak in track.leaks]

    @property
    def bss(self) -> list[BssRow]:
        """BSSEval of all tracks."""
        return [row for track in self.tracks for row in track.bss]


Scores = Mapping[str, float | None]


def mean_of(values: Sequence[float | None]) -> float | None:
    """Mean of those that exist; None when there is none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def median_of(values: Sequence[float | None]) -> float | None:
    """Median of those that exist; None when there is none."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
