"""Which stems make a mixture, and which instruments are asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from timbresep.data.extra_stems import ExtraStems
from timbresep.data.mixing.config import MixConfig
from timbresep.data.track import Track
from timbresep.errors import DataError


@dataclass(frozen=True)
class Pick:
    """One stem's place in a mixture.

    Attributes:
        label: name of the stem.
        track: where it is.
        start: its first sample in the track.
        semitones: how much it is shifted.
    """

    label: str
    track: Track
    start: int
    semitones: float


class MixturePlanner:
    """Draws the stems of mixtures, and the instruments asked for.

    Args:
        tracks: the tracks to mix; stems that are not in `names` accompany.
        names: the instruments that may be asked for.
        config: how mixtures are made.
        extras: the tracks' extra instruments, which may be asked for as well.
        whole: shift by whole semitones, so that every note stays one of a keyboard.

    Raises:
        DataError: a name that no track has a stem of.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        names: Sequence[str],
        config: MixConfig,
        extras: ExtraStems | None,
        *,
        whole: bool = False,
    ) -> None:
        self.names, self.config, self.extras = list(names), config, extras or None
        self.whole = whole
        self.n_targets = min(config.targets, len(self.names))
        labels = sorted({label for track in tracks for label in track.stems})
        for name in self.names:
            if name not in labels:
                raise DataError(
                    f"none of {len(tracks)} tracks has a stem named '{name}'",
                    f"stems found: {', '.join(labels) or 'none'}",
                )
        extra = set(extras.names if extras else ())
        apart = [track for track in tracks if not track.mixed]
        self._apart_with = {label: [t for t in apart if label in t.stems] for label in labels}
        self._known = [n for n in labels if n not in extra and self._apart_with[n]]
        bands = [track for track in tracks if len(track.stems) > 1]
        self._bands_with = {label: [t for t in bands if label in t.stems] for label in labels}
        self._bands = {  # by whether an extra instrument plays in them
            kind: [t for t in bands if any(n in extra for n in t.stems) == kind]
            for kind in (False, True)
        }

    def first(self, rng: np.random.Generator) -> str:
        """The first instrument to ask for."""
        if self.extras and self._extra_turn(rng):
            return self._any_extra(rng)
        return self.names[int(rng.integers(len(self.names)))]

    def picks(self, first: str, *, present: bool, rng: np.random.Generator) -> list[Pick]:
        """The stems of a mixture with or without the instrument `first`.

        Stems of a track that is mixed are taken together, and no others with them.
        """
        config = self.config
        few, many = config.stems
        pool: list[Track] = []
        possible = self._apart_with[first] if present else self._known
        if rng.random() < config.coherent_share or not possible:
            pool = self._bands_with[first] if present else self._bands_without(first, rng)
        if pool:
            track = pool[int(rng.integers(len(pool)))]
            if track.mixed:
                return self._together(track, rng)
            labels = [label for label in track.stems if present or label != first]
            others = [label for label in labels if label != first]
            count = min(many, len(labels))
            if rng.random() < config.stem_dropout_share and count > few:
                count = int(rng.integers(few, count + 1))
            labels = [first] * present + _some(others, count - present, rng)
            semitones = self._semitones(rng)
            start = self._start(track, rng)
            return [Pick(label, track, start, semitones + self._detune(rng)) for label in labels]
        count = int(rng.integers(few, many + 1))
        picks = []
        for label in [first] * present + self._others(first, count - present, rng):
            track = self._apart_with[label][int(rng.integers(len(self._apart_with[label])))]
            semitones = self._semitones(rng) + self._detune(rng)
            picks.append(Pick(label, track, self._start(track, rng), semitones))
        return picks

    def asked(
        self, first: str, present: list[str], active: list[str], rng: np.random.Generator
    ) -> list[str]:
        """The instruments asked of a mixture.

        Args:
            first: the first one.
            present: stems in the mixture.
            active: those of them that sound.
            rng: source of chance.
        Returns:
            `first`, then names that sound or, for a share, that are absent.
        """
        asked = [first]
        while len(asked) < self.n_targets:
            names, want_absent = self.names, rng.random() < self.config.absent_share
            if self.extras and self._extra_turn(rng):
                extras = [self._any_extra(rng)] if want_absent else active
                names = [n for n in extras if n in self.extras and n not in asked] or names
            sounding = [n for n in names if n in active and n not in asked]
            absent = [n for n in names if n not in present and n not in asked]
            rest = [n for n in names if n not in asked]
            pool = (absent or sounding) if want_absent else (sounding or absent)
            asked.append((pool or rest)[int(rng.integers(len(pool or rest)))])
        return asked

    def _extra_turn(self, rng: np.random.Generator) -> bool:
        """Whether it is an extra instrument's turn."""
        return bool(rng.random() < self.config.extra_share)

    def _any_extra(self, rng: np.random.Generator) -> str:
        """The stem of any extra instrument."""
        names = self.extras.names if self.extras else []
        return names[int(rng.integers(len(names)))]

    def _bands_without(self, name: str, rng: np.random.Generator) -> list[Track]:
        """Bands without an instrument, those with extra ones in their share; or else all."""
        bands = self._bands[bool(self.extras and self._extra_turn(rng))]
        without = [track for track in bands if name not in track.stems]
        return without or [t for t in (*self._bands[False], *self._bands[True]) if not t.mixed]

    def _together(self, track: Track, rng: np.random.Generator) -> list[Pick]:
        """All stems of a track that is mixed."""
        semitones = self._semitones(rng) + self._detune(rng)
        start = self._start(track, rng)
        return [Pick(label, track, start, semitones) for label in track.stems]

    def _others(self, first: str, count: int, rng: np.random.Generator) -> list[str]:
        """At most `count` stems to sound beside an instrument, extra ones in their share."""
        labels = _some([label for label in self._known if label != first], count, rng)
        if self.extras:
            labels = [self._any_extra(rng) if self._extra_turn(rng) else label for label in labels]
            labels = [label for label in dict.fromkeys(labels) if label != first]
        return labels

    def _start(self, track: Track, rng: np.random.Generator) -> int:
        window = round(self.config.seconds * track.rate)
        return int(rng.integers(max(1, track.frames - window + 1)))

    def _semitones(self, rng: np.random.Generator) -> float:
        bound = self.config.pitch_semitones
        if rng.random() >= self.config.pitch_share:
            return 0.0
        semitones = float(rng.uniform(-bound, bound))
        return float(round(semitones)) if self.whole else semitones

    def _detune(self, rng: np.random.Generator) -> float:
        bound = self.config.detune_cents / 100
        return float(rng.uniform(-bound, bound)) if bound else 0.0


def _some(labels: list[str], count: int, rng: np.random.Generator) -> list[str]:
    """At most `count` labels, in random order."""
    order = rng.permutation(len(labels))[: max(0, count)]
    return [labels[int(k)] for k in order]
