"""Score a transcriber on one track, beside silence and notes without labels.

Each instrument is heard once, with its own condition. What is heard with the others' conditions is
compared with its notes, too: swapped conditions need no second pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.evaluation.notes.measures import Agreement, agreement, frame_agreement, together
from timbresep.evaluation.notes.result import (
    EVERYONE,
    FalseNotes,
    Method,
    NoteRow,
    NoteScores,
    NoteSwap,
)
from timbresep.evaluation.notes.truth import true_notes
from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.workers import Advance
from timbresep.instrument import InstrumentConfig
from timbresep.notes.score import Note
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.transcribe import transcribe

Notes = Mapping[str, Sequence[Note]]
"""Instrument → notes."""


@dataclass
class NoteScorer:
    """Transcribers to score.

    Attributes:
        hearing: the transcriber.
        names: the instruments to ask it for.
        known: what the parts of a track's notes can be taken for.
        earlier: another transcriber to score beside it.
    """

    hearing: Hearing
    names: tuple[str, ...]
    known: tuple[InstrumentConfig, ...] = ()
    earlier: Hearing | None = None

    def score(
        self, track: Track, advance: Advance | None = None
    ) -> tuple[NoteScores, dict[str, str]]:
        """Transcribe a track's mixture and score the notes.

        Returns:
            The scores; and nothing to write beside them.

        Raises:
            DataError: the track's notes cannot be read, its files do not fit together, or it is
                silent.
            AudioError: one of them cannot be read.
        """
        truth = true_notes(track, self.known)
        heard = self._heard(self.hearing, track, advance)
        earlier = None if self.earlier is None else self._heard(self.earlier, track, None)
        return compared(track, truth, heard, earlier), {}

    def _heard(self, hearing: Hearing, track: Track, advance: Advance | None) -> Notes:
        stream = StemStream(track, ())

        def done(seconds: float) -> None:
            if advance is not None:
                advance(round(seconds * track.rate))

        found = transcribe(
            hearing,
            (mixture for mixture, _ in stream),
            track.rate,
            stream.channels,
            self.names,
            name=f"track '{track.name}'",
            report=done,
        )
        if found.silent:
            raise DataError(f"track '{track.name}' is silent", "give it sound, or take it away")
        return {stem.stem: stem.notes for stem in found.stems}


def compared(track: Track, truth: Notes, heard: Notes, earlier: Notes | None = None) -> NoteScores:
    """What was heard in a track beside what is played.

    Args:
        track: its name and length.
        truth: the notes of those who play.
        heard: the notes of those asked for.
        earlier: those of another transcriber, of the same instruments.
    """
    result = NoteScores(track.name)
    present = [name for name in heard if truth.get(name)]
    for name in present:
        result.rows += _rows(track.name, name, truth, heard, earlier)
        others = {
            other: frame_agreement(truth[name], heard[other]) for other in heard if other != name
        }
        result.rows += _swapped(track.name, name, len(truth[name]), others)
        result.swaps += [
            NoteSwap(track.name, name, other, found["frame_f"]) for other, found in others.items()
        ]
    result.everyone = _everyone(track.name, truth, heard, earlier)
    result.absent = [
        FalseNotes(track.name, name, len(notes) / (track.seconds / 60))
        for name, notes in heard.items()
        if name not in present
    ]
    if more := [name for name, notes in truth.items() if notes and name not in heard]:
        result.remarks.append(
            f"{', '.join(more)} play, too, and are not asked for: without labels, their notes "
            "count as missed"
        )
    if not present:
        result.remarks.append("none of the instruments has notes in it")
    return result


def _rows(
    track: str, name: str, truth: Notes, heard: Notes, earlier: Notes | None
) -> list[NoteRow]:
    """The rows of one instrument, under every method but swapped conditions."""
    beside: dict[Method, Sequence[Note]] = {"transcriber": heard[name]}
    if earlier is not None:
        beside["earlier"] = earlier[name]
    beside |= {"unlabelled": together(truth.values()), "silence": ()}
    return [_row(track, name, method, truth[name], one) for method, one in beside.items()]


def _swapped(
    track: str, name: str, true: int, others: Mapping[str, Agreement]
) -> Iterator[NoteRow]:
    """The row of one instrument with the conditions of the others, if there are any."""
    if others:
        means = {
            key: float(np.mean([found[key] for found in others.values()]))
            for key in next(iter(others.values()))
        }
        yield NoteRow(track, name, "swapped", true, None, **means)


def _everyone(track: str, truth: Notes, heard: Notes, earlier: Notes | None) -> list[NoteRow]:
    """The rows without labels."""
    true = together(truth.values())
    if not true:
        return []
    beside: dict[Method, Notes | None] = {"transcriber": heard, "earlier": earlier, "silence": {}}
    return [
        _row(track, EVERYONE, method, true, together(found.values()))
        for method, found in beside.items()
        if found is not None
    ]


def _row(
    track: str, name: str, method: Method, true: Sequence[Note], heard: Sequence[Note]
) -> NoteRow:
    return NoteRow(track, name, method, len(true), len(heard), **agreement(true, heard))
