"""The mixer: endless seeded mixtures of stems with targets picked by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from timbresep.data.extra_stems import ExtraStems
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.planner import MixturePlanner, Pick
from timbresep.data.mixing.stem_maker import StemMaker, Wave
from timbresep.data.note_targets import NoteTargets, Roll
from timbresep.data.skipped import Skipped
from timbresep.data.stem_tones import StemTones
from timbresep.data.track import Track
from timbresep.errors import AudioError, DataError
from timbresep.transcriber import SOUNDING
from timbresep.units import db_to_amplitude, db_to_power

Conditions = Callable[[int, np.random.Generator], NDArray[np.float32]]
TRIES = 6  # drafts of a mixture, for one in which the instrument asked for sounds
DRAFTS = 200  # drafts of a mixture whose stem cannot be read, before giving up


@dataclass(frozen=True)
class Annotations:
    """What is known of tracks' stems besides their audio.

    Attributes:
        extras: the extra instruments among them, which may be asked for as well.
        tones: conditions of the sounds that play; None: the instruments' own are all there is.
        notes: gives what a transcriber should hear; None: none is trained.
    """

    extras: ExtraStems | None = None
    tones: StemTones | None = None
    notes: NoteTargets | None = None


NONE = Annotations()


@dataclass
class Draft:
    """A mixture in the making.

    Attributes:
        stems: name → waveform (channels, samples).
        rolls: name → what a transcriber should hear of it, (2, pitches, frames).
        whole: the recording (channels, samples) of all stems, where they are not apart: those in
            `stems` are silence then.
    """

    stems: dict[str, Wave] = field(default_factory=dict)
    rolls: dict[str, Roll] = field(default_factory=dict)
    whole: Wave | None = None

    def mixture(self) -> Wave:
        """All that sounds, (channels, samples)."""
        if self.whole is not None:
            return self.whole
        mixture: Wave = np.sum(list(self.stems.values()), axis=0, dtype=np.float32)
        return mixture


class MixtureDataset(Dataset[dict[str, Tensor]]):
    """`size` mixtures; number `i` depends on the seed and `i` only, so training can resume.

    Each item holds `mixture` (channels, samples), `targets` (targets, channels, samples),
    `instruments` (targets,) indices into `names`, −1 for an extra instrument, and `conditions`
    (targets, dim); for a transcriber, also `notes` (targets, 2, pitches, frames). The mixture is
    the exact sum of its stems; targets are those of its stems whose names are asked for. A stem
    that cannot be read where it is drawn, or whose notes cannot, is left out, and noted in
    `skipped`; when it is that of the first instrument asked for, the mixture is drawn anew. That,
    too, follows only from the seed, the number and the files. Of a track whose stems are not apart,
    the mixture is its recording, and `targets` are silence.

    Args:
        tracks: the tracks to mix; stems that are not in `names` accompany.
        names: the instruments that may be asked for.
        config: how mixtures are made.
        size: number of items.
        seed: of everything drawn.
        conditions: gives a condition (dim,) for an index into `names`.
        annotations: what else is known of the stems.

    Raises:
        DataError: no tracks, or none with a stem of one of the names.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        names: Sequence[str],
        config: MixConfig,
        *,
        size: int,
        seed: int,
        conditions: Conditions,
        annotations: Annotations = NONE,
    ) -> None:
        self.names, self.config = list(names), config
        self.size, self.seed, self.conditions = size, seed, conditions
        self.extras, self.tones = annotations.extras or None, annotations.tones
        self.notes = annotations.notes
        self.planner = MixturePlanner(
            tracks, names, config, annotations.extras, whole=self.notes is not None
        )
        self.maker, self.skipped = StemMaker(config), Skipped()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not 0 <= index < self.size:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, index])
        tries = spoiled = 0
        while True:
            first = self.planner.first(rng)
            present = bool(rng.random() >= self.config.absent_share)
            picks = self.planner.picks(first, present=present, rng=rng)
            draft = self._draft(picks, rng)
            stems = draft.stems
            if not stems or (present and first not in stems):
                spoiled += 1
                self._check_spoiled(first, spoiled)
                continue
            tries += 1
            active = [label for label in stems if self._active(draft, label)]
            if tries == TRIES or ((first in active) if present else active):
                break
        asked = self.planner.asked(first, list(stems), active, rng)
        mixture = draft.mixture()
        scale = self._scale(mixture)
        silence = np.zeros_like(mixture)
        targets = np.stack([stems.get(label, silence) for label in asked])
        indices = [self.names.index(label) if label in self.names else -1 for label in asked]
        played = {pick.label: pick for pick in picks if pick.label in stems}
        vectors = np.stack([self._condition(label, played.get(label), rng) for label in asked])
        item = {
            "mixture": torch.from_numpy(mixture * scale),
            "targets": torch.from_numpy(targets * scale),  # (targets, channels, samples)
            "instruments": torch.tensor(indices),
            "conditions": torch.from_numpy(vectors.astype(np.float32)),  # (targets, dim)
        }
        if self.notes:
            absent = self.notes.silence(self.config.samples)
            rolls = np.stack([draft.rolls.get(label, absent) for label in asked])
            item["notes"] = torch.from_numpy(rolls)  # (targets, 2, pitches, frames)
        return item

    def _draft(self, picks: Sequence[Pick], rng: np.random.Generator) -> Draft:
        """What is picked; a stem that cannot be read is left out and noted."""
        centred = bool(rng.random() < self.config.centred_share)
        draft = Draft()
        for pick in picks:
            try:
                wave = self._wave(pick, draft, centred=centred, rng=rng)
                if self.notes:
                    draft.rolls[pick.label] = self._roll(self.notes, pick)
                draft.stems[pick.label] = wave
            except (AudioError, DataError) as error:
                self.skipped.met(pick.track.stems[pick.label], error.message)
        return draft

    def _wave(self, pick: Pick, draft: Draft, *, centred: bool, rng: np.random.Generator) -> Wave:
        """A stem (channels, samples); silence where it is known in a mixture only, which is made
        once."""
        if not pick.track.mixed:
            return self.maker.make(pick, centred=centred, rng=rng)
        if draft.whole is None:
            draft.whole = self.maker.make(pick, centred=centred, rng=rng)
        return np.zeros_like(draft.whole)

    def _roll(self, notes: NoteTargets, pick: Pick) -> Roll:
        """What there is to hear of a stem (2, pitches, frames)."""
        samples = self.config.samples
        return notes.of(
            pick.track, pick.label, pick.start, semitones=pick.semitones, samples=samples
        )

    def _check_spoiled(self, first: str, times: int) -> None:
        """Raise DataError when so many drafts of one mixture had nothing to begin with."""
        if times == DRAFTS:
            met = list(self.skipped.reasons.values())
            reason = met[-1] if met else "nothing else sounds beside it"
            raise DataError(
                f"no mixture for '{first}' could be made, {times} times in a row: {reason}",
                "`data check --decode` says what cannot be read",
            )

    def _condition(self, label: str, pick: Pick | None, rng: np.random.Generator) -> Wave:
        """A condition (dim,) for a plugin's instrument or an extra one, which plays in a track or
        not."""
        if self.extras and label in self.extras:
            return self.extras.condition(label, rng)
        share = self.config.matched_condition_share
        if self.tones and pick and share and rng.random() < share:
            matched = self.tones.draw(pick.track, label, rng)
            if matched is not None:
                return matched
        return self.conditions(self.names.index(label), rng)

    def _scale(self, mixture: Wave) -> np.float32:
        """The factor that brings a mixture to the level asked for."""
        power = float(np.mean(np.square(mixture), dtype=np.float64))
        if self.config.level_db is None or power == 0:
            return np.float32(1)
        return np.float32(db_to_amplitude(self.config.level_db) / power**0.5)

    def _active(self, draft: Draft, label: str) -> bool:
        """Whether a stem sounds: by its level, or by its notes where that is all that is known."""
        if draft.whole is not None:
            return bool(draft.rolls[label][SOUNDING].any())
        power = float(np.mean(np.square(draft.stems[label]), dtype=np.float64))
        return power > db_to_power(self.config.active_db)
