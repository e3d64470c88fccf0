"""Sources that are sorted by instrument: folders of one instrument's recordings each.

`instrument_folders`: `<root>/<instrument>/<recording>.wav`; recordings of one song in several
folders (`Song_STEM_01.wav` in one, `Song_STEM_04.wav` in another) make up one track.
`solos`: recordings of one instrument, anywhere below `<root>`; each is a track of one stem, and
the mixer combines it with others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from timbresep import audio
from timbresep.data.sources.found import (
    Found,
    Kind,
    Part,
    Place,
    Problem,
    audio_in,
    collect,
    folders_in,
    may_be_read,
)
from timbresep.data.track import SUFFIXES, split_of
from timbresep.errors import AudioError, DataError

NUMBER = re.compile(r"[_ -]*(stem|raw)?[_ -]*\d*([_ -]\d+)?$", re.IGNORECASE)


def find(place: Place) -> Iterator[Found | Problem]:
    """Songs across the folders; what sounds together has one length and rate."""
    recordings = []
    for folder in folders_in(place.root):
        try:
            may_be_read(folder)
        except DataError as error:
            yield Problem(str(folder), str(error))
        for path in audio_in(folder):
            try:
                about = audio.info(path)
            except AudioError as error:
                yield Problem(str(path), str(error))
                continue
            recordings.append((song_of(path), about.frames, about.rate, folder.name, path))
    taken: dict[str, int] = {}
    for (song, _, _), group in groupby(sorted(recordings), key=lambda item: item[:3]):
        taken[song] = taken.get(song, 0) + 1
        members = [(place.naming(label), Part(path)) for *_, label, path in group]
        yield _track(place, song if taken[song] == 1 else f"{song} ({taken[song]})", song, members)


def find_solos(place: Place) -> Iterator[Found | Problem]:
    """Each recording is a track of one stem."""
    instrument = place.owner or place.naming(place.root.name)
    for path in sorted(place.root.rglob("*")):
        visible = all(part[0] != "." for part in path.relative_to(place.root).parts)
        if visible and path.is_file() and path.suffix.lower() in SUFFIXES:
            name = path.relative_to(place.root).with_suffix("").as_posix().replace("/", " - ")
            yield _track(place, name, song_of(path), [(instrument, Part(path))])


def _track(place: Place, name: str, song: str, members: list[tuple[str, Part]]) -> Found:
    return Found(
        name=name,
        piece=song,
        split=split_of(song),
        sound_source=place.root.name,
        licence=place.licence,
        stems=collect(iter(members)),
        by_chance=True,
    )


def song_of(path: Path) -> str:
    """The song a recording is of: its name without `_STEM_04` or a number at the end."""
    return NUMBER.sub("", path.stem) or path.stem


def _matches(place: Place) -> bool:
    folders = folders_in(place.root)
    return bool(folders) and all(place.naming.knows(folder.name) for folder in folders)


KIND = Kind(
    name="instrument_folders",
    title="a folder for each instrument",
    layout="<folder>/<instrument>/<recording>.wav, .flac or .ogg",
    matches=_matches,
    find=find,
)
SOLOS = Kind(
    name="solos",
    title="solo recordings",
    layout="<folder>/<recording>.wav, .flac or .ogg, all of one instrument",
    matches=lambda place: place.root.is_dir() and bool(audio_in(place.root)),
    find=find_solos,
)
