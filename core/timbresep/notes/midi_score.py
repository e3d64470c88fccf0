"""A score in a Standard MIDI File: its notes as they are played, in seconds, not quantised."""

from __future__ import annotations

import io
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mido

from timbresep.errors import DataError
from timbresep.notes.score import Note, Part, Score
from timbresep.notes.tempo import TempoChange, TempoMap

PERCUSSION_CHANNEL = 9  # General MIDI's channel 10, counted from 0
USUAL_QUARTER = 500_000  # microseconds, until the file says otherwise
SHORTEST = 0.05
"""Seconds that a note lasts at least if the file gives it no length."""

LARGEST_FILE = 4 << 20
MOST_NOTES = 250_000


@dataclass
class _Strand:
    """The notes of one channel on one track."""

    track: int
    channel: int
    program: int | None = None
    programs: set[int] = field(default_factory=set)
    held: dict[int, deque[tuple[int, int]]] = field(default_factory=lambda: defaultdict(deque))
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)  # ticks, pitch, velocity


def read_midi(data: bytes) -> Score:
    """The parts of a MIDI file: a part for each track, or for each channel on a track.

    Args:
        data: the file.

    Raises:
        DataError: it is damaged, too large, or holds no notes.
    """
    file = _parsed(data)
    strands, names, changes = list[_Strand](), list[str](), list[TempoChange]()
    programs: dict[int, int] = {}  # of channels, whichever track says so
    count = 0
    for number, track in enumerate(file.tracks):
        reader = _Track(number, changes)
        reader.read(track)
        strands += reader.strands()
        names.append(reader.name)
        for channel, strand in reader.channels.items():
            if strand.program is not None:
                programs.setdefault(channel, strand.program)
        count += sum(len(strand.notes) for strand in reader.strands())
        if count > MOST_NOTES:
            raise DataError(f"it has more than {MOST_NOTES} notes")
    if not strands:
        raise DataError("it holds no notes")
    times = _times(file.ticks_per_beat, changes)
    return _score(strands, names, programs, times, one_track=len(file.tracks) == 1)


def _parsed(data: bytes) -> mido.MidiFile:
    if len(data) > LARGEST_FILE:
        raise DataError(f"it is larger than {LARGEST_FILE >> 20} MiB, more than any score in MIDI")
    if not data.startswith(b"MThd"):
        raise DataError("it is no MIDI file: it does not begin with MThd")
    try:
        file = mido.MidiFile(file=_Bytes(data), clip=True)
    except Exception as error:  # mido raises what a damaged file happens to cause
        told = str(error) or type(error).__name__
        raise DataError(f"it is damaged or cut short ({told})") from error
    if file.type == 2:
        raise DataError("a MIDI file of type 2 holds patterns, not parts played together")
    if not file.ticks_per_beat:
        raise DataError("it is damaged: a quarter note has 0 ticks")
    return file


class _Bytes(io.BytesIO):
    """A MIDI file in which no number is longer than MIDI's; mido would count on without end."""

    run = 0  # bytes of 128 and more, one after the other, that were read singly

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if size == 1:
            self.run = self.run + 1 if data >= b"\x80" else 0
            if self.run > 8:
                raise ValueError("it has a number without end")
        return data


def _times(division: int, changes: Sequence[TempoChange]) -> TempoMap:
    """Seconds at ticks. A negative division counts frames a second and ticks a frame."""
    if division < 0:
        frames, ticks = -(division >> 8), division & 0xFF
        return TempoMap([], 1 / (max(frames, 1) * max(ticks, 1)))
    scaled = [TempoChange(change.position, change.seconds / division) for change in changes]
    return TempoMap(scaled, USUAL_QUARTER / 1e6 / division)


class _Track:
    """Reads the messages of one track; tempo changes go to `changes`, which all tracks share."""

    def __init__(self, number: int, changes: list[TempoChange]) -> None:
        self.number, self.changes = number, changes
        self.name = ""
        self.channels: dict[int, _Strand] = {}

    def read(self, track: Sequence[Any]) -> None:
        now = 0
        for message in track:
            now += message.time
            kind = message.type
            if kind == "set_tempo" and message.tempo:
                self.changes.append(TempoChange(now, message.tempo / 1e6))
            elif kind == "track_name" and not self.name:
                self.name = _text(message.name)
            elif kind == "program_change":
                strand = self._strand(message.channel)
                strand.programs.add(message.program)
                if not (strand.notes or strand.held):
                    strand.program = message.program
            elif kind == "note_on" and message.velocity:
                held = self._strand(message.channel).held
                held[message.note].append((now, message.velocity))
            elif kind in {"note_on", "note_off"}:
                self._release(message.channel, message.note, now)
        for channel, strand in self.channels.items():
            for pitch, sounding in list(strand.held.items()):
                for _ in range(len(sounding)):
                    self._release(channel, pitch, now)

    def _strand(self, channel: int) -> _Strand:
        return self.channels.setdefault(channel, _Strand(self.number, channel))

    def _release(self, channel: int, pitch: int, now: int) -> None:
        """End the note of that pitch which has sounded longest."""
        strand = self._strand(channel)
        if held := strand.held.get(pitch):
            start, velocity = held.popleft()
            strand.notes.append((start, now, pitch, velocity))

    def strands(self) -> list[_Strand]:
        """Those with notes, by channel."""
        return [strand for _, strand in sorted(self.channels.items()) if strand.notes]


def _text(name: str) -> str:
    """A name as it was meant: MIDI says no encoding, and most programs write UTF-8."""
    try:
        return name.encode("latin-1").decode("utf-8").strip("\x00 \t\r\n")
    except UnicodeError:
        return name.strip("\x00 \t\r\n")


def _score(
    strands: Sequence[_Strand],
    names: Sequence[str],
    programs: Mapping[int, int],
    times: TempoMap,
    *,
    one_track: bool,
) -> Score:
    parts, assumed = list[Part](), list[str]()
    per_track = [sum(other.track == strand.track for other in strands) for strand in strands]
    for strand, beside in zip(strands, per_track, strict=True):
        program = strand.program
        if program is None:
            program = programs.get(strand.channel)
        pitched = strand.channel != PERCUSSION_CHANNEL
        name = names[strand.track] if beside == 1 else ""
        parts.append(Part(name, _notes(strand, times), program if pitched else None, pitched))
        if len(strand.programs) > 1:
            assumed.append(
                f"part {len(parts)} changes its General MIDI program: the first one counts"
            )
    if len(parts) == 1 and one_track:
        assumed.append("all notes are on one channel of one track: they are taken for one part")
    lengthened = sum(start == end for strand in strands for start, end, _, _ in strand.notes)
    if lengthened:
        assumed.append(f"{lengthened} notes without length are taken to last {SHORTEST:g} s")
    return Score(tuple(parts), tuple(assumed))


def _notes(strand: _Strand, times: TempoMap) -> tuple[Note, ...]:
    return tuple(sorted(_sounding(strand, times), key=lambda note: (note.start, note.pitch)))


def _sounding(strand: _Strand, times: TempoMap) -> Iterator[Note]:
    for start, end, pitch, velocity in strand.notes:
        begins = times.seconds(start)
        ends = times.seconds(end) if end > start else begins + SHORTEST
        yield Note(begins, ends, pitch, velocity)
