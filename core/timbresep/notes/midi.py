"""Notes of stems as a Standard MIDI File, and back: a track for each stem, named as it is.

A tick is a millisecond, so that times of a recording are kept whatever its tempo is.
"""

from __future__ import annotations

import bisect
import io
import itertools
import re
import struct
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from timbresep.errors import DataError
from timbresep.files import write_bytes
from timbresep.notes.score import Note, StemNotes

if TYPE_CHECKING:
    import mido

TRACK_NOTES = "notes.mid"
"""Name of the file of a track's notes, beside its stems."""
TICKS_A_QUARTER, QUARTER_US = 500, 500_000
TICKS_PER_SECOND = 1000
PERCUSSION_CHANNEL = 9  # General MIDI's channel 10, counted from 0
CHANNELS = tuple(channel for channel in range(16) if channel != PERCUSSION_CHANNEL)
MOST_KEY = 127
MOST_BYTES = 8 * 2**20
CHARSETS = ("utf-8", "latin-1")
_ENDLESS = re.compile(rb"[\x80-\xff]{2048}")  # a number that long would take mido for ever
_one_at_a_time = Lock()  # mido's character set is one for all threads


def write(
    path: Path,
    stems: Sequence[StemNotes],
    *,
    programs: Mapping[str, int] | None = None,
    replace: bool = True,
) -> None:
    """Write a MIDI file of type 1, atomically.

    Where a key is struck while it is held, the note that is held ends there: MIDI cannot say else.

    Args:
        path: the file.
        stems: a track each, in this order. Pitches are rounded to semitones.
        programs: General MIDI program, 0 to 127, of some stems.
        replace: whether a file that is there is replaced.

    Raises:
        DataError: a pitch that MIDI has no key for.
        OutputExistsError, OutputError: as `timbresep.files.atomic_write`.
    """
    import mido

    head = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=QUARTER_US)])
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_A_QUARTER, charset=CHARSETS[0], tracks=[head])
    free = itertools.cycle(CHANNELS)
    for stem in stems:
        channel = next(free) if stem.pitched else PERCUSSION_CHANNEL
        file.tracks.append(_track(stem, channel, (programs or {}).get(stem.stem)))
    data = io.BytesIO()
    with _one_at_a_time:
        file.save(file=data)
    write_bytes(path, data.getvalue(), replace=replace)


def _track(stem: StemNotes, channel: int, program: int | None) -> mido.MidiTrack:
    import mido

    track = mido.MidiTrack([mido.MetaMessage("track_name", name=stem.stem)])
    track.append(mido.MetaMessage("instrument_name", name=stem.instrument))
    if program is not None:
        track.append(mido.Message("program_change", channel=channel, program=program))
    events: list[tuple[int, int, int, int]] = []  # tick, whether it begins, key, velocity
    for start, end, key, velocity in _keyed(stem):
        events += [(start, 1, key, velocity), (end, 0, key, 0)]
    now = 0
    for tick, begins, key, velocity in sorted(events):
        kind = "note_on" if begins else "note_off"
        track.append(
            mido.Message(kind, channel=channel, note=key, velocity=velocity, time=tick - now)
        )
        now = tick
    return track


def _keyed(stem: StemNotes) -> Iterator[tuple[int, int, int, int]]:
    """Start and end in ticks, key and velocity of notes; of one key none overlap."""
    by_key: dict[int, dict[int, Note]] = defaultdict(dict)
    for note in stem.notes:
        key = round(note.pitch)
        if not 0 <= key <= MOST_KEY:
            raise DataError(
                f"stem '{stem.stem}': a note of pitch {note.pitch:g} at {note.start:.2f} s",
                f"MIDI has keys from 0 to {MOST_KEY}",
            )
        tick = max(0, round(note.start * TICKS_PER_SECOND))
        before = by_key[key].get(tick)
        if before is None or before.end < note.end:
            by_key[key][tick] = note
    for key, struck in by_key.items():
        ticks = sorted(struck)
        for tick, following in itertools.zip_longest(ticks, ticks[1:]):
            note = struck[tick]
            end = max(tick + 1, round(note.end * TICKS_PER_SECOND))
            end = end if following is None else min(end, following)
            yield tick, end, key, min(MOST_KEY, max(1, note.velocity))


def read_stems(path: Path) -> list[StemNotes]:
    """The stems of a file that `write` has written: a named track is one.

    A file that another program has changed is read too, with whatever tempo it says.

    Raises:
        DataError: no MIDI file, a cut or a huge one, or none with named tracks of notes.
    """
    file = open_midi(path)
    tempi = Tempi(file)
    stems = []
    for number, track in enumerate(file.tracks):
        said = {m.type: m.name for m in track if m.type in ("track_name", "instrument_name")}
        name = said.get("track_name", "").strip()
        notes = _notes(track, tempi)
        if not name and notes:
            raise DataError(
                f"{path}: track {number} has notes and no name",
                "name each track after a stem, or give the file as a score",
            )
        if name and (notes or "instrument_name" in said):
            unpitched = {m.channel for m in track if m.type == "note_on"} == {PERCUSSION_CHANNEL}
            instrument = said.get("instrument_name") or name
            stems.append(StemNotes(name, instrument, notes, pitched=not unpitched))
    if not stems:
        raise DataError(f"{path}: no track with a name and notes", "give the file as a score")
    if twice := {s.stem for s in stems if sum(s.stem == other.stem for other in stems) > 1}:
        raise DataError(f"{path}: two tracks are named '{min(twice)}'", "name each after its stem")
    return stems


def open_midi(path: Path) -> mido.MidiFile:
    """A MIDI file, parsed.

    Raises:
        DataError: no MIDI file, a cut or a huge one, or one without ticks a quarter note.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: larger than {MOST_BYTES // 2**20} MB", "this is no score")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    file = None if _ENDLESS.search(data) else _parsed(data)
    if file is None:
        raise DataError(f"{path}: not a whole MIDI file", "export it again")
    if file.ticks_per_beat <= 0 or file.type > 1:
        raise DataError(f"{path}: no MIDI file with ticks a quarter note", "export it as type 1")
    return file


def _parsed(data: bytes) -> mido.MidiFile | None:
    """A file, its names in UTF-8 or else in Latin-1; None where it is none."""
    import mido

    for charset in CHARSETS:
        try:
            with _one_at_a_time:
                return mido.MidiFile(file=io.BytesIO(data), charset=charset, clip=True)
        except UnicodeDecodeError:
            continue
        except (
            *(EOFError, OSError, ValueError, LookupError, TypeError),
            *(struct.error, mido.KeySignatureError),
        ):
            return None
    return None


class Tempi:
    """The seconds of a file's ticks, by all its tempo marks.

    Args:
        file: of type 0 or 1.
    """

    def __init__(self, file: mido.MidiFile) -> None:
        marks: dict[int, int] = {}
        for track in file.tracks:
            now = 0
            for message in track:
                now += message.time
                if message.type == "set_tempo":
                    marks[now] = message.tempo
        self._whole: int = 1_000_000 * file.ticks_per_beat
        self._ticks, self._tempi, self._seconds = [0], [QUARTER_US], [0.0]
        for tick in sorted(marks):
            self._seconds.append(self(tick))
            self._ticks.append(tick)
            self._tempi.append(marks[tick])

    def __call__(self, tick: int) -> float:
        """Second at which a tick is."""
        at = bisect.bisect_right(self._ticks, tick) - 1
        return self._seconds[at] + (tick - self._ticks[at]) * self._tempi[at] / self._whole


def _notes(track: mido.MidiTrack, tempi: Tempi) -> tuple[Note, ...]:
    """The notes of a track, in order of their start; one that is never ended is left out."""
    held: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
    notes, now = [], 0
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity:
            held[key].append((now, message.velocity))
        elif held[key]:
            start, velocity = held[key].popleft()
            if now > start:
                notes.append(Note(tempi(start), tempi(now), message.note, velocity))
    return tuple(sorted(notes, key=lambda note: (note.start, note.pitch)))
