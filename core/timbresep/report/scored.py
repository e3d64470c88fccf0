"""The pages of a score: its parts, and where it is in a recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from timbresep.figure import blank, png_of
from timbresep.notes.alignment import Alignment, picture
from timbresep.notes.score import StemNotes
from timbresep.report.drawings import note_roll
from timbresep.report.page import Grid, Page, Picture, Section, Track
from timbresep.report.sound import longest, loudest, sound, sound_of
from timbresep.report.tones import RATE, tones

RECORDING = "recording"
HEARD = (
    "Each part is also played by plain tones, at the times that were found: where they differ "
    "from the recording, the alignment is wrong. They are muted at first."
)
SHOWN = (
    "Above: the notes of each part, in the time of the recording. Middle: the way through the "
    "score; it rises evenly where the tempo is even. Below: how sure each second is. Red: unsure."
)


def score_page(
    name: str, stems: Sequence[StemNotes], parts: Grid, about: str, told: Sequence[str] = ()
) -> Page:
    """The page of a score: its parts, and their notes as bars.

    Args:
        name: of the score's file.
        stems: the notes of its parts.
        parts: the table of the parts.
        about: a line on the whole.
        told: what was assumed, a sentence each.
    """
    duration = max((note.end for each in stems for note in each.notes), default=0.0)
    roll = note_roll(stems, duration, "One lane for each part, in seconds of the score.")
    sections = [Section("Parts", told, tables=[parts]), Section("Notes", figures=[roll])]
    return Page(name, about, sections)


def alignment_page(
    recording: Path,
    alignment: Alignment,
    stems: Sequence[StemNotes],
    facts: Grid,
    told: Sequence[str] = (),
) -> Page:
    """The page of a score that was found in a recording.

    Args:
        recording: its file.
        alignment: where the score is in it.
        stems: the score's notes, in its own time.
        facts: how sure it is, tuning, and so on.
        told: what was assumed or left out, a sentence each.

    Raises:
        AudioError: the recording cannot be read.
    """
    played = [each for each in alignment.applied(stems) if each.notes]
    figure = blank(11, 8)
    picture.fill(figure, alignment, stems)
    drawn = Picture("alignment", png_of(figure), "The score in the recording", SHOWN)
    roll = note_roll(played, alignment.duration)
    sections = [
        Section("Listen", [HEARD], _tracks(recording, played)),
        Section("How sure it is", told, tables=[facts], figures=[drawn]),
        Section("Notes in the recording", figures=[roll]),
    ]
    return Page(recording.name, f"with a score of {len(stems)} parts", sections)


def _tracks(recording: Path, played: Sequence[StemNotes]) -> list[Track]:
    """The recording with all notes, and each part as tones, muted."""
    most = longest(1 + len(played))
    heard = sound(RECORDING, recording, most)
    everything = StemNotes(RECORDING, RECORDING, tuple(n for each in played for n in each.notes))
    tracks = [heard.track(loudest([heard]), everything)]
    for each in played:
        made = sound_of(each.stem, tones(each, heard.duration), RATE)
        tracks.append(made.track(loudest([made]), each, muted=True))
    return tracks
