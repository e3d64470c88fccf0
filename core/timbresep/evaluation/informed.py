"""Evaluation with a score: the separator is given the notes of each track."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.evaluation.stem_stream import StemStream
from timbresep.instrument import InstrumentConfig
from timbresep.notes.casting import Role, assign
from timbresep.notes.disturbance import Disturbance
from timbresep.notes.midi import TRACK_NOTES
from timbresep.notes.reading import read
from timbresep.notes.score import StemNotes
from timbresep.separation.separator import Separator

NOTHING = Disturbance()


@dataclass(frozen=True)
class Informed:
    """How a separator is given the notes of a track.

    Attributes:
        disturbance: what is done to the notes first.
        aligned: their times are taken as they are; otherwise they are looked for in the mixture.
        partial: others play, too, whose notes are not given.
        known: what the parts of a score can be taken for.
        instruments: stems of these instruments are scored; of any when None.
    """

    disturbance: Disturbance = NOTHING
    aligned: bool = False
    partial: bool = False
    known: tuple[InstrumentConfig, ...] = ()
    instruments: Collection[str] | None = None

    def of(self, track: Track, separator: Separator) -> tuple[Separator, tuple[str, ...]]:
        """The separator with a track's notes, and the stems to score.

        Raises:
            DataError: the track's notes cannot be read, name none of its stems, or are not found
                in its mixture.
        """
        stems = self.notes(track)
        names = tuple(
            stem.stem
            for stem in stems
            if stem.stem in track.stems
            and (self.instruments is None or stem.instrument in self.instruments)
        )
        if not names:
            raise DataError(
                f"{track.notes}: none of its stems ({', '.join(s.stem for s in stems)}) is one to "
                f"score of track '{track.name}' ({', '.join(track.stems)})",
                "name its parts after the files of the stems",
            )
        return separator.with_notes(stems, partial=self.partial), names

    def notes(self, track: Track) -> list[StemNotes]:
        """The notes of a track's stems as the separator gets them; errors as `of`."""
        if track.notes is None:
            raise DataError(f"track '{track.name}' has no notes", f"give it {TRACK_NOTES}")
        found = stems_of(track, assign(read(track.notes), self.known))
        stems = self.disturbance(found, seed_of(track))
        return stems if self.aligned else in_time(stems, track, anyway=self.partial)

    def settings(self) -> dict[str, object]:
        """What the scores depend on."""
        return {**asdict(self.disturbance), "aligned": self.aligned, "partial": self.partial}


def seed_of(track: Track) -> int:
    """Of what happens to a track's notes by chance; it follows from the track's name."""
    return zlib.crc32(track.name.encode())


def stems_of(track: Track, roles: Sequence[Role]) -> list[StemNotes]:
    """The notes of a score's parts; a part that has the name of a file is that file's stem."""
    own = [
        replace(role.notes, stem=role.part.name) if role.part.name in track.stems else role.notes
        for role in roles
    ]
    clash = len({stem.stem for stem in own}) < len(own)
    return [role.notes for role in roles] if clash else own


def in_time(stems: Sequence[StemNotes], track: Track, *, anyway: bool = False) -> list[StemNotes]:
    """Notes at the times at which they are found in a track's mixture.

    Args:
        stems: the notes.
        track: the files.
        anyway: as for `align`.

    Raises:
        DataError: they are not found there.
    """
    from timbresep.notes.alignment import align

    recording = track.mixture or StemStream(track, []).load()[0]
    found: list[StemNotes] = align(stems, recording, track.rate, anyway=anyway).applied(stems)
    return found
