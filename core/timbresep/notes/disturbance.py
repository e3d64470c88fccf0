"""Notes made worse on purpose, to measure what each fault costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from timbresep.errors import DataError
from timbresep.notes.score import Note, StemNotes

KNOT_S = 5.0
"""The tempo goes smoothly from one random value to the next in this time."""
STEP_S = 0.01
WRONG_BY = (-2, -1, 1, 2)
"""Semitones by which a wrong note is wrong."""
LARGEST_BEND = 0.9
HIGHEST = 127


@dataclass(frozen=True)
class Disturbance:
    """What is done to notes; without arguments, nothing.

    Attributes:
        bend: largest change of the tempo, as a part of it: 0.2 is ±20 %.
        shift: seconds by which every note comes late; negative, early.
        wrong: per cent of the pitched notes that get a pitch one or two semitones off.
        missing: per cent of all notes that are left out.

    Raises:
        DataError: a value without sense.
    """

    bend: float = 0.0
    shift: float = 0.0
    wrong: float = 0.0
    missing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.bend <= LARGEST_BEND:
            raise DataError(f"bend {self.bend:g}: expected 0 to {LARGEST_BEND:g}")
        for name in ("wrong", "missing"):
            if not 0 <= getattr(self, name) <= 100:
                raise DataError(f"{name} {getattr(self, name):g}: expected 0 to 100 per cent")

    def __call__(self, stems: Sequence[StemNotes], seed: int) -> list[StemNotes]:
        """Notes of stems that play together, disturbed: notes left out, then pitches, then times.

        Args:
            stems: the notes.
            seed: of the track; the same gives the same.
        """
        wrong, missing = self.wrong / 100, self.missing / 100
        found = without_some(stems, missing, np.random.default_rng([seed, 0]))
        found = with_wrong_pitches(found, wrong, np.random.default_rng([seed, 1]))
        found = bent(found, self.bend, np.random.default_rng([seed, 2]))
        return late(found, self.shift)


def without_some(
    stems: Sequence[StemNotes], part: float, rng: np.random.Generator
) -> list[StemNotes]:
    """Leave out a part of all notes, rounded to whole notes."""
    places = [(s, k) for s, stem in enumerate(stems) for k in range(len(stem.notes))]
    left_out = _some(places, part, rng)
    return [
        replace(stem, notes=tuple(n for k, n in enumerate(stem.notes) if (s, k) not in left_out))
        for s, stem in enumerate(stems)
    ]


def with_wrong_pitches(
    stems: Sequence[StemNotes], part: float, rng: np.random.Generator
) -> list[StemNotes]:
    """Give a part of all pitched notes, rounded to whole notes, a pitch near their own."""
    places = [
        (s, k) for s, stem in enumerate(stems) if stem.pitched for k in range(len(stem.notes))
    ]
    chosen = _some(places, part, rng)
    off = {place: WRONG_BY[int(rng.integers(len(WRONG_BY)))] for place in sorted(chosen)}

    def moved(note: Note, semitones: int) -> Note:
        pitch = note.pitch + semitones
        return replace(note, pitch=pitch if 0 <= pitch <= HIGHEST else note.pitch - semitones)

    return [
        replace(
            stem,
            notes=tuple(
                moved(note, off[s, k]) if (s, k) in off else note
                for k, note in enumerate(stem.notes)
            ),
        )
        for s, stem in enumerate(stems)
    ]


def bent(stems: Sequence[StemNotes], bend: float, rng: np.random.Generator) -> list[StemNotes]:
    """Change the tempo smoothly, by up to `bend` of it; all stems alike.

    Args:
        stems: the notes.
        bend: 0 to `LARGEST_BEND`.
        rng: draws the tempo at a knot every `KNOT_S` seconds.
    """
    if not bend:
        return list(stems)
    length = max((note.end for stem in stems for note in stem.notes), default=0.0)
    time, warped = _tempo_curve(length, bend, rng)
    return _moved(stems, lambda second: float(np.interp(second, time, warped)))


def late(stems: Sequence[StemNotes], seconds: float) -> list[StemNotes]:
    """Move all notes; what would begin before the start begins there."""
    return _moved(stems, lambda second: max(0.0, second + seconds))


def _tempo_curve(
    length: float, bend: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds on a grid, and where they come to lie."""
    time = np.arange(0.0, length + 2 * STEP_S, STEP_S)
    knots = rng.uniform(-1, 1, int(length / KNOT_S) + 2)
    at = time / KNOT_S
    before = np.minimum(at.astype(int), len(knots) - 2)
    ease = (1 - np.cos(np.pi * (at - before))) / 2
    slowness = 1 + bend * (knots[before] + ease * (knots[before + 1] - knots[before]))
    steps = (slowness[1:] + slowness[:-1]) / 2 * STEP_S
    return time, np.concatenate([[0.0], np.cumsum(steps)])


def _some(
    places: Sequence[tuple[int, int]], part: float, rng: np.random.Generator
) -> set[tuple[int, int]]:
    chosen = rng.choice(len(places), round(part * len(places)), replace=False)
    return {places[int(k)] for k in chosen}


def _moved(stems: Sequence[StemNotes], to: Callable[[float], float]) -> list[StemNotes]:
    """Notes at other times; those that no longer last are left out."""
    moved = (
        (stem, (replace(n, start=to(n.start), end=to(n.end)) for n in stem.notes)) for stem in stems
    )
    return [
        replace(stem, notes=tuple(n for n in notes if n.end > n.start)) for stem, notes in moved
    ]
