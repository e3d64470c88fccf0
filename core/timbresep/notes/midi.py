"""Notes of stems as a Standard MIDI File, and back: a track for each stem, named as it is.

A tick is a millisecond, so that times of a recording are kept whatever its tempo is.
"""

from __future__ import annotations

import io
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from timbresep.errors import DataError
from timbresep.files import write_bytes
from timbresep.notes.reading import read
from timbresep.notes.score import Note, StemNotes

if TYPE_CHECKING:
    import mido

TRACK_NOTES = "notes.mid"
"""Name of the file of a track's notes, beside its stems."""
TICKS_A_QUARTER, QUARTER_US = 500, 500_000
TICKS_PER_SECOND = 1000
PERCUSSION_CHANNEL = 9  # General MIDI's channel 10, counted from 0
CHANNELS = tuple(channel for channel in range(16) if channel != PERCUSSION_CHANNEL)
HIGHEST_KEY = 127
_NUMBER = re.compile(r"_\d+$")


def write(
    path: Path,
    stems: Sequence[StemNotes],
    *,
    programs: Mapping[str, int] | None = None,
    replace: bool = True,
) -> None:
    """Write a MIDI file, atomically.

    Args:
        path: the file.
        stems, programs: as for `encoded`.
        replace: whether a file that is there is replaced.

    Raises:
        DataError: a pitch that MIDI has no key for.
        OutputExistsError, OutputError: as `timbresep.files.atomic_write`.
    """
    write_bytes(path, encoded(stems, programs), replace=replace)


def encoded(stems: Sequence[StemNotes], programs: Mapping[str, int] | None = None) -> bytes:
    """A MIDI file of type 1.

    Where a key is struck while it is held, the note that is held ends there: MIDI cannot say else.

    Args:
        stems: a track each, in this order. Pitches are rounded to semitones.
        programs: General MIDI program, 0 to 127, of some stems.

    Raises:
        DataError: a pitch that MIDI has no key for.
    """
    import mido

    head = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=QUARTER_US)])
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_A_QUARTER, tracks=[head])
    free = itertools.cycle(CHANNELS)
    for stem in stems:
        channel = next(free) if stem.pitched else PERCUSSION_CHANNEL
        file.tracks.append(_track(stem, channel, (programs or {}).get(stem.stem)))
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


def read_stems(path: Path) -> list[StemNotes]:
    """The stems of a file that `write` has written, but for those without notes.

    Another program may have changed it meanwhile.

    Raises:
        DataError: no MIDI file, or one in which notes have no stem's name.
    """
    parts = read(path).parts
    if any(not part.name for part in parts):
        raise DataError(f"{path} has notes in a track without a name", "name it as its stem")
    ((name, count),) = Counter(part.name for part in parts).most_common(1)
    if count > 1:
        raise DataError(f"{path}: {count} tracks are named '{name}'", "name each as its stem")
    return [StemNotes(p.name, _NUMBER.sub("", p.name), p.notes, p.pitched) for p in parts]


def _track(stem: StemNotes, channel: int, program: int | None) -> mido.MidiTrack:
    import mido

    name = stem.stem.encode().decode("latin-1")  # mido writes Latin-1; the file has UTF-8
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    if program is not None:
        track.append(mido.Message("program_change", channel=channel, program=program))
    events = [
        event
        for key in _keys(stem)
        for event in ((key.start, True, key.number, key.velocity), (key.end, False, key.number, 0))
    ]
    now = 0
    for tick, begins, number, velocity in sorted(events):  # a key is released, then struck
        kind = "note_on" if begins else "note_off"
        track.append(mido.Message(kind, note=number, velocity=velocity, channel=channel))
        track[-1].time, now = tick - now, tick
    return track


@dataclass(frozen=True)
class _Key:
    """A key that is held, from one tick to another."""

    number: int
    start: int
    end: int
    velocity: int


def _keys(stem: StemNotes) -> Iterator[_Key]:
    """The notes of a stem, of which none with the same key overlap."""
    struck: dict[int, dict[int, Note]] = defaultdict(dict)
    for note in stem.notes:
        number = round(note.pitch)
        if not 0 <= number <= HIGHEST_KEY:
            raise DataError(
                f"stem '{stem.stem}' has a note of pitch {note.pitch:g} at {note.start:.2f} s",
                f"MIDI has keys from 0 to {HIGHEST_KEY}",
            )
        tick = max(0, round(note.start * TICKS_PER_SECOND))
        longer = struck[number].get(tick)
        if longer is None or longer.end < note.end:
            struck[number][tick] = note
    for number, notes in struck.items():
        ticks = sorted(notes)
        for tick, following in itertools.zip_longest(ticks, ticks[1:]):
            note = notes[tick]
            end = max(tick + 1, round(note.end * TICKS_PER_SECOND))
            velocity = min(HIGHEST_KEY, max(1, note.velocity))
            yield _Key(number, tick, end if following is None else min(end, following), velocity)
