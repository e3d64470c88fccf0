"""The page of a file that was separated: players, who plays, settings, licences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from timbresep.audio.writer import FORMATS
from timbresep.report.page import Grid, Page, Section, Track
from timbresep.report.sound import LONGEST_S, loudest, sound
from timbresep.separation.batch import FileReport
from timbresep.separation.presence import Presence

REPORT = "report.html"
MIXTURE = "mixture"


@dataclass(frozen=True)
class Origin:
    """What stems come from, for people.

    Attributes:
        separator: what it is called, and its estimators.
        settings: name → value of what was chosen.
        licences: what is used → its terms.
    """

    separator: str
    settings: Mapping[str, str]
    licences: Mapping[str, str]


def separated_page(report: FileReport, origin: Origin) -> Page:
    """The page of a file.

    Args:
        report: what became of it.
        origin: what its stems come from.

    Raises:
        AudioError: a file cannot be read.
    """
    everyone = sorted(report.everyone, key=lambda each: (not each.plays, -each.level))
    minutes, seconds = divmod(round(report.duration), 60)
    sections = [
        Section("Listen", _hints(report), tracks=_tracks(report)),
        Section("Who plays", tables=[_presence(everyone)] if everyone else []),
        Section(
            "Settings", tables=[Grid(_rows({"separator": origin.separator, **origin.settings}))]
        ),
        Section("Licences", tables=[Grid(_rows(origin.licences))]),
    ]
    return Page(
        report.path.name,
        f"{minutes}:{seconds:02} of audio, separated by {origin.separator}",
        [part for part in sections if part.tracks or part.tables],
    )


def _hints(report: FileReport) -> list[str]:
    told = ["Stems play together; the mixture is muted, to be compared with them."]
    if report.duration > LONGEST_S:
        told.append(f"Players have the first {LONGEST_S / 60:.0f} minutes; the files have all.")
    if report.absent:
        told.append(f"Left out, since they do not seem to play: {', '.join(report.absent)}.")
    return [*told, *report.notes]


def _tracks(report: FileReport) -> list[Track]:
    """The mixture, the stems as they are heard together, and mixtures without some, muted."""
    files = [path for path in (*report.kept, *report.outputs) if path.suffix.lower() in FORMATS]
    names = {each.name: place for place, each in enumerate(report.everyone)}
    files.sort(key=lambda path: (names.get(path.stem, len(names)), path.stem))
    mixture = sound(MIXTURE, report.path)
    stems = [sound(path.stem, path) for path in files]
    reference = loudest([mixture])
    notes = {each.name: each.notes for each in report.everyone}
    tracks = [mixture.track(reference, muted=bool(stems))]
    for stem in stems:
        without = stem.name.startswith("minus-")
        tracks.append(stem.track(reference, notes.get(stem.name), muted=without))
    if stems and all(track.muted for track in tracks):  # nothing but mixtures without some
        tracks[1] = replace(tracks[1], muted=False)
    return tracks


def _presence(everyone: Sequence[Presence]) -> Grid:
    rows = []
    for each in everyone:
        notes = "–" if each.notes is None else str(len(each.notes.notes))
        plays = "yes" if each.plays else "seems absent"
        rows.append((each.name, plays, f"{each.level:.0f}", notes, each.range))
    return Grid(rows, ("instrument", "plays", "level, dB", "notes", "range"), "", frozenset({2, 3}))


def _rows(values: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in values.items() if value]


def write_page(report: FileReport, origin: Origin) -> Path:
    """Write the page of a file beside its stems; gives where.

    Raises:
        AudioError: a file cannot be read.
        OutputExistsError: a page that was not written here is there.
        OutputError: the file system refuses it.
    """
    path = report.folder / REPORT
    separated_page(report, origin).write(path)
    return path
