"""The data of a training run: mixtures with varied conditions, and fixed ones to validate on."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from timbresep.condition.tone_table import ToneTable, tones_of_model
from timbresep.condition.vector import draw, version_of
from timbresep.data.build import build_tracks
from timbresep.data.extra_stems import ExtraStems, tables_of
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.feed import WHOLE, feed
from timbresep.data.mixing.mixer import Annotations, Conditions, MixtureDataset
from timbresep.data.note_targets import NoteTargets
from timbresep.data.skipped import Skipped
from timbresep.data.sounding import check_sound
from timbresep.data.stem_tones import StemTones
from timbresep.data.track import Track
from timbresep.data.validation_split import with_both_sides
from timbresep.errors import DataError
from timbresep.instrument import Instrument
from timbresep.notes.midi import TRACK_NOTES
from timbresep.training.labels import FixedConditions
from timbresep.training.request import RunSettings

log = logging.getLogger(__name__)

VALIDATION_MIXTURES = 48
VALIDATION_BATCH = 8
VALIDATION_SEED = 1


class TrainingConditions:
    """A fresh condition for every training target: random notes and registers, noise.

    Fixed vectors would be learned as labels; varied ones have to be followed. They are drawn from
    the notes that the plugin's own vector was measured on, in the version that it has.

    Args:
        instruments: their DDSP models answer for the notes drawn.
        stored: the plugins' own vectors, ``(instruments, dim)``.
        share: how often the stored vector is used as it is.

    Raises:
        DataError: the vectors are of no known version.
    """

    def __init__(
        self, instruments: Sequence[Instrument], stored: NDArray[np.float32], share: float
    ) -> None:
        self.stored, self.share = stored, share
        self.version = version_of(stored[0])
        self.tables = [self._table(instrument) for instrument in instruments]

    @staticmethod
    def _table(instrument: Instrument) -> ToneTable:
        table = tones_of_model(instrument.ddsp_file, instrument.f0_range)
        notes = instrument.measured().notes
        return table.only(table.nearest(notes)) if notes and table.pitched else table

    def __call__(self, index: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """A condition ``(dim,)`` for instrument number `index`."""
        if rng.random() < self.share:
            vector: NDArray[np.float32] = self.stored[index]
            return vector
        return draw(self.tables[index], rng, self.version)


class TrainingData:
    """Batches to train and to validate on, for some instruments.

    Extra instruments are targets in training, in their share, and never in validation.

    Args:
        settings: of the run.
        conditions: the vector that the network is given for each instrument.
        config: how mixtures are made.
        varied: whether training draws variations of the vectors (`TrainingConditions`); else
            they are always as they are, and tracks of extra instruments are left out.
        notes: gives what a transcriber should hear; tracks without notes are left out. None: no
            transcriber is trained.

    Raises:
        DataError: no usable track, or an instrument without a stem that sounds, to train or
            validate on.
    """

    def __init__(
        self,
        settings: RunSettings,
        conditions: Mapping[str, NDArray[np.float32]],
        config: MixConfig,
        *,
        varied: bool,
        notes: NoteTargets | None = None,
    ) -> None:
        self.notes = notes
        self.settings, self.config = settings, config
        self.names = [instrument.name for instrument in settings.instruments]
        self.skipped = Skipped()
        self.stored = np.stack([conditions[name] for name in self.names])
        built = build_tracks(
            settings.instruments,
            settings.everyone,
            settings.sources,
            settings.roots,
            mixed=notes is not None,
        )
        tracks, said = with_both_sides(
            with_notes(built, notes) if notes else built,
            self.names,
            config.seconds,
            lambda track: tables_of(track) is None,
        )
        for line in said:
            log.warning(line)
        self.valid = [t for t in tracks if t.split == "valid" and tables_of(t) is None]
        self.train = [track for track in tracks if track.split == "train"]
        self.drawn: Conditions = FixedConditions(self.stored)
        self.extras: ExtraStems | None = None
        self.tones: StemTones | None = None
        if not varied:  # extra instruments have conditions of no other kind
            self.train = [track for track in self.train if tables_of(track) is None]
        else:
            drawn = TrainingConditions(settings.instruments, self.stored, settings.stored_share)
            self.drawn = drawn
            self.extras = ExtraStems(self.train, drawn.version, settings.stored_share)
            self.tones = StemTones(drawn.version)
        self._check()

    def _check(self) -> None:
        """Refuse tracks that some instrument cannot be trained or validated on."""
        for side, use, chosen in (
            ("training", "train", self.train),
            ("validation", "validate", self.valid),
        ):
            missing = [n for n in self.names if not any(n in track.stems for track in chosen)]
            if missing:
                there = ", ".join(sorted({label for track in chosen for label in track.stems}))
                raise DataError(
                    f"no {side} track has a stem named {', '.join(missing)} (there: "
                    f"{there or 'nothing'})",
                    "call files, or a folder of one instrument's recordings, after the instrument; "
                    "add tracks, or name another source with --source or --data",
                )
            check_sound(chosen, self.names, use, self.skipped)
        if len({label for track in self.train for label in track.stems}) == 1:
            log.warning(
                "the only stem is %s, so the network has nothing to separate it from; add --source "
                "starter, or other instruments' tracks with --data",
                self.names[0],
            )

    def ledger(self) -> list[dict[str, str | int | float]]:
        """What the network learns from: sound source, licence, tracks, minutes of stems."""
        rows: dict[tuple[str, str], tuple[int, float]] = {}
        for track in self.train:
            tracks, minutes = rows.get((track.sound_source, track.licence), (0, 0.0))
            minutes += track.seconds * len(set(track.stems.values())) / 60
            rows[track.sound_source, track.licence] = (tracks + 1, minutes)
        return [
            {"sound_source": source, "licence": licence, "tracks": n, "minutes": round(minutes, 1)}
            for (source, licence), (n, minutes) in sorted(rows.items())
        ]

    def identity(self) -> dict[str, object]:
        """What must be equal in a resumed run, so that its batches are the same."""
        tracks = [(track.name, track.frames, track.rate, [*track.stems]) for track in self.train]
        return {
            "conditions": _digest(self.stored.tobytes()),
            "tracks": _digest(repr(tracks).encode()),
        }

    def batches(
        self, first_step: int, steps: int, part: slice = WHOLE
    ) -> Iterator[dict[str, Tensor]]:
        """Batches from step `first_step` on: a resumed run sees what it would have seen.

        Args:
            first_step: that of the first batch.
            steps: of the whole run.
            part: the mixtures of each step that are wanted; other processes have the rest.
        """
        size = steps * self.settings.batch_size
        dataset = MixtureDataset(
            self.train,
            self.names,
            self.config,
            size=size,
            seed=self.settings.seed,
            conditions=self.drawn,
            annotations=Annotations(self.extras, self.tones, self.notes),
        )
        return feed(
            dataset,
            self.settings.batch_size,
            self.skipped,
            self.settings.workers,
            first_step,
            part=part,
        )

    def validation(self, first: int = 0, every: int = 1) -> Iterator[dict[str, Tensor]]:
        """Batches of fixed mixtures, without chance and with the plugins' own conditions.

        Args:
            first: number of the first batch.
            every: distance to the next one; other processes have those between.
        """
        dataset = MixtureDataset(
            self.valid,
            self.names,
            self.config.plain(),
            size=VALIDATION_MIXTURES,
            seed=VALIDATION_SEED,
            conditions=FixedConditions(self.stored),
            annotations=Annotations(notes=self.notes),
        )
        return feed(dataset, VALIDATION_BATCH, self.skipped, first=first, every=every)


def with_notes(tracks: Sequence[Track], notes: NoteTargets) -> list[Track]:
    """The tracks whose stems' notes are all known.

    Raises:
        DataError: there are none, or a file of notes cannot be read.
    """
    known = [track for track in tracks if notes.known(track)]
    if not known:
        raise DataError(
            f"none of {len(tracks)} tracks has the notes of its stems in a file",
            f"a transcriber learns from notes, such as the {TRACK_NOTES} of `data render`",
        )
    if lacking := len(tracks) - len(known):
        log.warning("%d of %d tracks are left out: their notes are not known", lacking, len(tracks))
    return known


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
