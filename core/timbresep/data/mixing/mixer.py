"""The mixer: endless seeded mixtures of stems with targets picked by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from timbresep import audio
from timbresep.data.extra_stems import VirtualStems
from timbresep.data.mixing.augmentation import colour, length_for, pan_gains, pitch_shift
from timbresep.data.mixing.config import MixConfig
from timbresep.data.reader import StemReader
from timbresep.data.skipped import Skipped
from timbresep.data.stem_tones import StemTones
from timbresep.data.track import Track
from timbresep.errors import AudioError, DataError
from timbresep.units import db_to_amplitude, db_to_power

Wave = NDArray[np.float32]
Conditions = Callable[[int, np.random.Generator], NDArray[np.float32]]
TRIES = 6  # drafts of a mixture, for one in which the instrument asked for sounds
DRAFTS = 200  # drafts of a mixture whose stem cannot be read, before giving up


@dataclass(frozen=True)
class Pick:
    """One stem's place in a mixture: which file, from which sample, moved by how much."""

    label: str
    track: Track
    start: int
    semitones: float


class MixtureDataset(Dataset[dict[str, Tensor]]):
    """`size` mixtures; number `i` depends on the seed and `i` only, so training can resume.

    Each item holds `mixture` (channels, samples), `targets` (targets, channels, samples),
    `instruments` (targets,) indices into `names`, −1 for a virtual instrument, and `conditions`
    (targets, dim). The mixture is the exact sum of its stems; targets are those of its stems whose
    names are asked for. A stem that cannot be read where it is drawn is left out, and noted in
    `skipped`; when it is that of the first instrument asked for, the mixture is drawn anew. That,
    too, follows from the seed, the number and the files alone.

    Args:
        tracks: the tracks to mix; stems that are not in `names` accompany.
        names: the instruments that may be asked for.
        config: how mixtures are made.
        size: number of items.
        seed: of everything drawn.
        conditions: gives a condition (dim,) for an index into `names`.
        virtual: the tracks' virtual stems, which may be asked for as well.
        tones: conditions of the sounds that play; None: the instruments' own are all there is.

    Raises:
        DataError: no tracks, or none with a stem of one of the names.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        names: Sequence[str],
        config: MixConfig,
        size: int,
        seed: int,
        conditions: Conditions,
        virtual: VirtualStems | None = None,
        tones: StemTones | None = None,
    ) -> None:
        self.tracks, self.names, self.config = list(tracks), list(names), config
        self.size, self.seed, self.conditions = size, seed, conditions
        self.virtual, self.tones = virtual or None, tones
        self.reader, self.skipped = StemReader(config.memory_mb), Skipped()
        self.n_targets = min(config.targets, len(self.names))
        labels = sorted({label for track in self.tracks for label in track.stems})
        self._with = {label: [t for t in self.tracks if label in t.stems] for label in labels}
        strange = set(virtual.names if virtual else ())
        self._real = [label for label in labels if label not in strange]
        bands = [track for track in self.tracks if len(track.stems) > 1]
        self._bands_with = {label: [t for t in bands if label in t.stems] for label in labels}
        self._bands = {
            kind: [t for t in bands if any(n in strange for n in t.stems) == kind]
            for kind in (False, True)
        }
        for name in self.names:
            if name not in self._with:
                raise DataError(
                    f"none of {len(self.tracks)} tracks has a stem named '{name}'",
                    f"stems found: {', '.join(labels) or 'none'}",
                )

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not 0 <= index < self.size:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, index])
        tries = spoiled = 0
        while True:
            first = self._first(rng)
            present = bool(rng.random() >= self.config.absent)
            picks = self._plan(first, present, rng)
            stems = self._stems(picks, rng)
            if not stems or (present and first not in stems):
                spoiled += 1
                self._check_spoiled(first, spoiled)
                continue
            tries += 1
            active = [label for label, wave in stems.items() if self._active(wave)]
            if tries == TRIES or ((first in active) if present else active):
                break
        asked = self._ask(first, list(stems), active, rng)
        # (channels, samples)
        mixture: Wave = np.sum(list(stems.values()), axis=0, dtype=np.float32)
        scale = self._scale(mixture)
        silence = np.zeros_like(mixture)
        targets = np.stack([stems.get(label, silence) for label in asked])
        indices = [self.names.index(label) if label in self.names else -1 for label in asked]
        played = {pick.label: pick.track for pick in picks}
        vectors = np.stack([self._condition(label, played.get(label), rng) for label in asked])
        return {
            "mixture": torch.from_numpy(mixture * scale),
            "targets": torch.from_numpy(targets * scale),  # (targets, channels, samples)
            "instruments": torch.tensor(indices),
            "conditions": torch.from_numpy(vectors.astype(np.float32)),  # (targets, dim)
        }

    def _condition(self, label: str, track: Track | None, rng: np.random.Generator) -> Wave:
        """A condition (dim,) for an instrument, real or virtual, that plays in a track or not."""
        if self.virtual and label in self.virtual:
            return self.virtual.condition(label, rng)
        if self.tones and track and self.config.matched and rng.random() < self.config.matched:
            matched = self.tones.draw(track, label, rng)
            if matched is not None:
                return matched
        return self.conditions(self.names.index(label), rng)

    def _virtual(self, rng: np.random.Generator) -> bool:
        """Whether it is a virtual instrument's turn."""
        return bool(rng.random() < self.config.virtual_share)

    def _stranger(self, rng: np.random.Generator) -> str:
        """Any virtual stem."""
        names = self.virtual.names if self.virtual else []
        return names[int(rng.integers(len(names)))]

    def _first(self, rng: np.random.Generator) -> str:
        """The first instrument to ask for."""
        if self.virtual and self._virtual(rng):
            return self._stranger(rng)
        return self.names[int(rng.integers(len(self.names)))]

    def _lacking(self, name: str, rng: np.random.Generator) -> list[Track]:
        """Bands without an instrument, those of virtual ones in their share; or else all."""
        bands = self._bands[bool(self.virtual and self._virtual(rng))]
        without = [track for track in bands if name not in track.stems]
        return without or [*self._bands[False], *self._bands[True]]

    def _others(self, first: str, count: int, rng: np.random.Generator) -> list[str]:
        """At most `count` stems to sound beside an instrument, virtual ones in their share."""
        labels = self._some([label for label in self._real if label != first], count, rng)
        if self.virtual:
            labels = [self._stranger(rng) if self._virtual(rng) else label for label in labels]
            labels = [label for label in dict.fromkeys(labels) if label != first]
        return labels

    def _plan(self, first: str, present: bool, rng: np.random.Generator) -> list[Pick]:
        """Choose the stems of a mixture with or without the instrument `first`."""
        config = self.config
        few, many = config.stems
        pool: list[Track] = []
        if rng.random() < config.coherent:
            pool = self._bands_with[first] if present else self._lacking(first, rng)
        if pool:
            track = pool[int(rng.integers(len(pool)))]
            labels = [label for label in track.stems if present or label != first]
            others = [label for label in labels if label != first]
            count = min(many, len(labels))
            if rng.random() < config.thin and count > few:
                count = int(rng.integers(few, count + 1))
            labels = [first] * present + self._some(others, count - present, rng)
            semitones = self._semitones(rng)
            start = self._start(track, rng)
            return [Pick(label, track, start, semitones + self._detune(rng)) for label in labels]
        count = int(rng.integers(few, many + 1))
        picks = []
        for label in [first] * present + self._others(first, count - present, rng):
            track = self._with[label][int(rng.integers(len(self._with[label])))]
            semitones = self._semitones(rng) + self._detune(rng)
            picks.append(Pick(label, track, self._start(track, rng), semitones))
        return picks

    def _stems(self, picks: Sequence[Pick], rng: np.random.Generator) -> dict[str, Wave]:
        """The stems of a mixture; one that cannot be read is left out and noted."""
        centred = bool(rng.random() < self.config.centred)
        stems = {}
        for pick in picks:
            try:
                stems[pick.label] = self._stem(pick, centred, rng)
            except AudioError as error:
                self.skipped.met(pick.track.stems[pick.label], error.message)
        return stems

    def _check_spoiled(self, first: str, times: int) -> None:
        """Raise DataError when so many drafts of one mixture had nothing to begin with."""
        if times == DRAFTS:
            met = list(self.skipped.reasons.values())
            reason = met[-1] if met else "nothing else sounds beside it"
            raise DataError(
                f"no mixture for '{first}' could be made, {times} times in a row: {reason}",
                "`data check --decode` says what cannot be read",
            )

    def _stem(self, pick: Pick, centred: bool, rng: np.random.Generator) -> Wave:
        """Read, shift, colour and place one stem: (channels, samples)."""
        config, track = self.config, pick.track
        length = length_for(config.samples, pick.semitones)
        needed = length if track.rate == config.rate else -(-length * track.rate // config.rate)
        start, end = track.first + pick.start, track.first + track.frames
        wave = self.reader.window(track.stems[pick.label], start, needed, end)
        if track.rate != config.rate:
            wave = audio.resample(wave, track.rate, config.rate)
        wave = pitch_shift(wave, pick.semitones, config.samples)
        if wave.shape[0] > 2 or config.channels == 1:
            wave = wave.mean(axis=0, keepdims=True)
        equalised, roomy = rng.random() < config.eq_share, rng.random() < config.room_share
        bound = config.formant_semitones if rng.random() < config.formant_share else 0.0
        if equalised or roomy or bound:
            room = float(rng.uniform(0.02, 0.3)) if roomy else 0.0
            eq_db, formants = config.eq_db if equalised else 0.0, float(rng.uniform(-bound, bound))
            wave = colour(wave, config.rate, eq_db, room, rng, formants)
        gain = db_to_amplitude(float(rng.uniform(*config.gain_db)))
        place = 0.0 if centred else float(rng.uniform(-config.pan, config.pan))
        if config.channels == 1:
            return wave * np.float32(gain)
        gains = np.array(pan_gains(place), dtype=np.float32)[:, None] * np.float32(gain)
        return wave * gains  # (2, samples); a mono stem is spread over both channels

    def _ask(
        self, first: str, present: list[str], active: list[str], rng: np.random.Generator
    ) -> list[str]:
        """The names asked for: `first`, then names that sound or, for a share, that do not."""
        asked = [first]
        while len(asked) < self.n_targets:
            names, want_missing = self.names, rng.random() < self.config.absent
            if self.virtual and self._virtual(rng):
                strangers = [self._stranger(rng)] if want_missing else active
                names = [n for n in strangers if n in self.virtual and n not in asked] or names
            sounding = [n for n in names if n in active and n not in asked]
            missing = [n for n in names if n not in present and n not in asked]
            rest = [n for n in names if n not in asked]
            pool = (missing or sounding) if want_missing else (sounding or missing)
            asked.append((pool or rest)[int(rng.integers(len(pool or rest)))])
        return asked

    def _scale(self, mixture: Wave) -> np.float32:
        """The factor that brings a mixture to the level asked for."""
        power = float(np.mean(np.square(mixture), dtype=np.float64))
        if self.config.level_db is None or power == 0:
            return np.float32(1)
        return np.float32(db_to_amplitude(self.config.level_db) / power**0.5)

    def _active(self, wave: Wave) -> bool:
        power = float(np.mean(np.square(wave), dtype=np.float64))
        return power > db_to_power(self.config.active_db)

    def _start(self, track: Track, rng: np.random.Generator) -> int:
        window = round(self.config.seconds * track.rate)
        return int(rng.integers(max(1, track.frames - window + 1)))

    def _semitones(self, rng: np.random.Generator) -> float:
        bound = self.config.pitch_semitones
        return float(rng.uniform(-bound, bound)) if rng.random() < self.config.pitch_share else 0.0

    def _detune(self, rng: np.random.Generator) -> float:
        bound = self.config.detune_cents / 100
        return float(rng.uniform(-bound, bound)) if bound else 0.0

    @staticmethod
    def _some(labels: list[str], count: int, rng: np.random.Generator) -> list[str]:
        order = rng.permutation(len(labels))[: max(0, count)]
        return [labels[int(k)] for k in order]
