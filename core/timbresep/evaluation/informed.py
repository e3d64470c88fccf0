"""Evaluation with a score: the separator is given the notes of each track."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.evaluation.stem_stream import StemStream
from timbresep.notes import midi
from timbresep.notes.disturbance import Disturbance
from timbresep.notes.score import StemNotes
from timbresep.separation.separator import Separator

NOTHING = Disturbance()


@dataclass(frozen=True)
class Informed:
    """How a separator is given the notes of a track.

    Attributes:
        disturbance: what is done to the notes first.
        aligned: their times are taken as they are; otherwise they are looked for in the mixture.
        instruments: stems of these instruments are scored; of any when None.
    """

    disturbance: Disturbance = NOTHING
    aligned: bool = False
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
                "name its tracks after the files of the stems",
            )
        return separator.with_notes(stems), names

    def notes(self, track: Track) -> list[StemNotes]:
        """The notes of a track's stems as the separator gets them; errors as `of`."""
        if track.notes is None:
            raise DataError(f"track '{track.name}' has no notes", f"give it {midi.TRACK_NOTES}")
        stems = self.disturbance(midi.read_stems(track.notes), zlib.crc32(track.name.encode()))
        return stems if self.aligned else in_time(stems, track)

    def settings(self) -> dict[str, object]:
        """What the scores depend on."""
        return {**asdict(self.disturbance), "aligned": self.aligned}


def in_time(stems: Sequence[StemNotes], track: Track) -> list[StemNotes]:
    """Notes at the times at which they are found in a track's mixture.

    Raises:
        DataError: they are not found there.
    """
    from timbresep.notes.alignment import align  # type: ignore[import-untyped]

    recording = track.mixture or StemStream(track, []).load()[0]
    found: list[StemNotes] = align(stems, recording, track.rate).applied(stems)
    return found
