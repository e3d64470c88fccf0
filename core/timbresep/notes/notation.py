"""Scores in notation, read with music21: MusicXML, Humdrum and MEI."""

from __future__ import annotations

import itertools
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from timbresep.errors import DataError, MissingToolError
from timbresep.notes.musicxml import prepare
from timbresep.notes.notation_text import check_text
from timbresep.notes.playing_order import Bar
from timbresep.notes.tempo import TempoChange, TempoMap
from timbresep.notes.written import WrittenNote, WrittenPart, WrittenScore

if TYPE_CHECKING:
    from music21 import stream as music21

USUAL = 120.0  # quarter notes a minute, where nothing is said
SLOWEST, FASTEST = 5.0, 1000.0
PERCUSSION_CHANNEL = 9
LOUDNESS = 80
_STAFF = re.compile(r"(.+)-Staff\d+")
_KEYS = {  # where a staff of percussion has the sounds of a kit (PAS, Weinberg 1998) → drum map
    "D4": 44, "F4": 36, "A4": 41, "C5": 38, "D5": 47, "E5": 48, "F5": 51, "G5": 42, "A5": 49,
}  # fmt: skip
_OTHER_KEY = 37


def parse(text: str, kind: str) -> WrittenScore:
    """A score in notation, at sounding pitch.

    Args:
        text: of the file; checked here.
        kind: `musicxml`, `humdrum` or `mei`.

    Raises:
        DataError: it cannot be read, or holds no notes.
        MissingToolError: music21 is not installed.
    """
    check_text(text, kind)
    assumed = list[str]()
    score = _parsed(prepare(text) if kind == "musicxml" else text, kind, assumed)
    parts = [_Part(staves) for staves in _parts(score)]
    longest = max((part.staves[0] for part in parts), key=lambda staff: len(_measures(staff)))
    bars = _bars(longest, [staff for part in parts for staff in part.staves])
    length = float(score.highestTime)
    written = [
        part.written(programs="<midi-program" in text or kind != "musicxml") for part in parts
    ]
    return WrittenScore(written, bars, length, _tempo(score, assumed), assumed)


def _parsed(text: str, kind: str, assumed: list[str]) -> music21.Score:
    """music21's own form; it neither reads nor keeps its cache of pickled scores."""
    try:
        from music21 import converter, stream
    except ImportError as missing:
        raise MissingToolError(
            "scores in notation are read with music21, which is not installed (MIDI needs none)",
            hint=".venv/bin/python -m pip install -c constraints.txt -e '.[scores]'",
        ) from missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found: Any = converter.parseData(text, format=kind)
            if isinstance(found, stream.Opus):
                scores = list(found.scores)
                assumed.append(f"the file holds {len(scores)} pieces: the first is taken")
                found = scores[0]
            if not found.parts:
                found = stream.Score([found])
            found.toSoundingPitch(inPlace=True)
        except Exception as error:  # a damaged score may raise anything there
            told = " ".join(str(error).split())[:120] or "no more is known"
            raise DataError(f"music21 cannot read it ({type(error).__name__}: {told})") from error
    if next(iter(found.recurse().notes), None) is None:
        raise DataError("it holds no notes")
    whole: music21.Score = found
    return whole


def _parts(score: music21.Score) -> list[list[music21.Part]]:
    """Parts of the score, each with its staves: music21 makes a part of each staff."""
    found: dict[str, list[music21.Part]] = {}
    for number, part in enumerate(score.parts):
        staff = _STAFF.fullmatch(str(part.id))
        found.setdefault(staff[1] if staff else f"{number} {part.id}", []).append(part)
    return list(found.values())


def _measures(staff: music21.Part) -> list[music21.Measure]:
    return list(staff.getElementsByClass("Measure"))


def _bars(longest: music21.Part, staves: Sequence[music21.Part]) -> list[Bar]:
    """The bars of the longest part, with the signs of all: some stand in the highest part only."""
    starts = sorted({float(measure.offset) for measure in _measures(longest)} | {0.0})
    bars = [Bar(start) for start in starts]
    for staff in staves:
        for measure in _measures(staff):
            bar = bars[max(0, bisect_right(starts, float(measure.offset) + 1e-6) - 1)]
            _add_signs(bar, measure)
        for bracket in staff.recurse().getElementsByClass("RepeatBracket"):
            for measure in bracket.getSpannedElements():
                at = float(measure.getOffsetInHierarchy(staff))
                bar = bars[max(0, bisect_right(starts, at + 1e-6) - 1)]
                bar.endings |= frozenset(bracket.numberRange)
    return bars


def _add_signs(bar: Bar, measure: music21.Measure) -> None:
    for line in (measure.leftBarline, measure.rightBarline):
        direction = getattr(line, "direction", None)
        bar.opens |= direction == "start"
        if direction == "end":
            bar.closes = max(bar.closes, int(line.times or 2))
    for sign in measure.recurse().getElementsByClass("RepeatExpression"):
        kind = type(sign).__name__
        bar.segno |= kind == "Segno"
        bar.coda |= kind == "Coda"
        bar.fine |= kind == "Fine"
        if kind.startswith("DaCapo"):
            bar.jump = "capo"
        elif kind.startswith(("DalSegno", "AlSegno")):
            bar.jump = "segno"


def _tempo(score: music21.Score, assumed: list[str]) -> TempoMap:
    """The tempo marks of all parts; where one stands by words and one by number, the number."""
    marks = dict[float, tuple[bool, float]]()
    for mark in score.recurse().getElementsByClass("MetronomeMark"):
        beats = mark.getQuarterBPM()
        if beats is not None and SLOWEST <= beats <= FASTEST:
            at = float(mark.getOffsetInHierarchy(score))
            marks[at] = max(marks.get(at, (False, 0.0)), (not mark.numberImplicit, float(beats)))
    if not marks:
        assumed.append(f"it says no tempo: {USUAL:g} quarter notes a minute are taken")
    elif any(not stated for stated, _ in marks.values()):
        assumed.append("some tempo marks are words only: a usual tempo is taken for them")
    first = marks[min(marks)][1] if marks else USUAL
    return TempoMap([TempoChange(at, 60 / beats) for at, (_, beats) in marks.items()], 60 / first)


class _Part:
    """A part of music21's, on one staff or more."""

    def __init__(self, staves: Sequence[music21.Part]) -> None:
        self.staves = staves
        self.unpitched = False
        loudness = [
            (float(mark.getOffsetInHierarchy(staff)), mark.volumeScalar)
            for staff in staves
            for mark in staff.recurse().getElementsByClass("Dynamic")
        ]
        self.loudness = sorted((at, scalar) for at, scalar in loudness if scalar)

    def written(self, *, programs: bool) -> WrittenPart:
        """The part; `programs` says whether the score states General MIDI programs."""
        first = self.staves[0]
        notes = [note for staff in self.staves for note in self._notes(staff)]
        player = first.getInstrument(returnDefault=False)
        name = " ".join(str(first.partName or first.partAbbreviation or "").split())
        program = player.midiProgram if programs and player is not None else None
        kit = player is not None and player.midiChannel == PERCUSSION_CHANNEL
        return WrittenPart(
            "" if name == "MusicXML Part" else name,
            notes,
            program if program is not None and 0 <= program <= 127 else None,
            pitched=not (kit or self.unpitched),
        )

    def _notes(self, staff: music21.Part) -> Iterator[WrittenNote]:
        bars: list[tuple[Any, float]] = [(bar, float(bar.offset)) for bar in _measures(staff)]
        for bar, start in bars or [(staff, 0.0)]:
            yield from self._in_voice(bar, start)
            for voice in bar.getElementsByClass("Voice"):
                yield from self._in_voice(voice, start + float(voice.offset))

    def _in_voice(self, voice: Any, offset: float) -> Iterator[WrittenNote]:
        sounding = [
            element
            for element in voice.notes
            if "Harmony" not in element.classes
            and (element.duration.isGrace or element.quarterLength > 0)
        ]
        groups = itertools.groupby(sounding, key=lambda e: (e.offset, e.duration.isGrace))
        for (at, is_grace), group in groups:
            elements = list(group)
            for k, element in enumerate(elements):
                grace = len(elements) - k if is_grace else 0
                for note in getattr(element, "notes", (element,)):
                    yield self._note(note, element, offset + float(at), grace)

    def _note(self, note: Any, element: Any, start: float, grace: int) -> WrittenNote:
        tie = note.tie.type if note.tie else ""
        if "Unpitched" in note.classes:
            self.unpitched = True
            pitch = float(_KEYS.get(f"{note.displayStep}{note.displayOctave}", _OTHER_KEY))
        else:
            pitch = min(max(float(note.pitch.ps), 0.0), 127.0)
        return WrittenNote(
            start=start,
            length=0.0 if grace else float(element.quarterLength),
            pitch=pitch,
            velocity=self._velocity(note, start),
            tied=tie in {"stop", "continue"},
            ties=tie in {"start", "continue"},
            grace=grace,
        )

    def _velocity(self, note: Any, start: float) -> int:
        """What the note says itself, or the last dynamic mark before it."""
        if note.volume.velocity:
            return int(min(max(note.volume.velocity, 1), 127))
        k = bisect_right(self.loudness, (start, 2.0)) - 1
        return round(127 * min(max(self.loudness[k][1], 0.1), 1.0)) if k >= 0 else LOUDNESS
