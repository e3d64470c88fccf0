"""The page and figures of a file that was separated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from timbresep.audio.writer import FORMATS
from timbresep.report.drawings import note_roll, spectrograms, waveforms
from timbresep.report.page import Grid, Page, Picture, Section, Track
from timbresep.report.sound import Sound, longest, loudest, sound
from timbresep.separation.one_file import FileReport
from timbresep.separation.presence import Presence

REPORT, FIGURES = "report.html", "figures"
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


def sounds_of(report: FileReport) -> list[Sound]:
    """The mixture, the stems as they are heard together, and mixtures without some.

    Raises:
        AudioError: a file cannot be read.
    """
    files = [path for path in (*report.kept, *report.outputs) if path.suffix.lower() in FORMATS]
    names = {each.name: place for place, each in enumerate(report.everyone)}
    files.sort(key=lambda path: (names.get(path.stem, len(names)), path.stem))
    most = longest(1 + len(files))
    return [sound(MIXTURE, report.path, most), *(sound(path.stem, path, most) for path in files)]


def separated_page(report: FileReport, origin: Origin, sounds: Sequence[Sound]) -> Page:
    """The page of a file.

    Args:
        report: what became of it.
        origin: what its stems come from.
        sounds: as of `sounds_of`.
    """
    everyone = sorted(report.everyone, key=lambda each: (not each.plays, -each.level))
    sections = [
        Section("Listen", _hints(report, sounds), tracks=_tracks(report, sounds)),
        Section("Who plays", tables=[_presence(everyone)] if everyone else []),
        Section(
            "Settings", tables=[Grid(_rows({"separator": origin.separator, **origin.settings}))]
        ),
        Section("Licences", tables=[Grid(_rows(origin.licences))]),
    ]
    return Page(
        report.path.name,
        f"{_clock(report.duration)} of audio, separated by {origin.separator}",
        [part for part in sections if part.tracks or part.tables],
    )


def separated_figures(report: FileReport, sounds: Sequence[Sound]) -> list[Picture]:
    """Waveforms and spectrograms of mixture and stems, and the notes that were heard.

    Args:
        report: what became of a file.
        sounds: as of `sounds_of`.
    """
    found = [waveforms(sounds), spectrograms(sounds, loudest(sounds[:1]))]
    written = {each.name for each in sounds}
    played = [each.notes for each in report.everyone if each.notes and each.name in written]
    if noted := [notes for notes in played if notes.notes]:
        found.append(note_roll(noted, report.duration))
    return found


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _hints(report: FileReport, sounds: Sequence[Sound]) -> list[str]:
    told = ["Stems play together; the mixture is muted, to be compared with them."]
    most = sounds[0].duration
    if report.duration > most + 0.5:
        told.append(f"Players have the first {_clock(most)} minutes; the files have all.")
    if report.absent:
        told.append(f"Left out, since they do not seem to play: {', '.join(report.absent)}.")
    return [*told, *report.notes]


def _tracks(report: FileReport, sounds: Sequence[Sound]) -> list[Track]:
    """The mixture, muted, the stems, and mixtures without some, muted."""
    mixture, *stems = sounds
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


def write_page(report: FileReport, origin: Origin, sounds: Sequence[Sound] | None = None) -> Path:
    """Write the page of a file beside its stems; gives where.

    Raises:
        AudioError: a file cannot be read.
        OutputExistsError: a page that was not written here is there.
        OutputError: the file system refuses it.
    """
    path = report.folder / REPORT
    separated_page(report, origin, sounds or sounds_of(report)).write(path)
    return path
