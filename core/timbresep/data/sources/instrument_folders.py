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
from timbresep.data.sources.adapter import Kind, Location
from timbresep.data.sources.folders import audio_in, folders_in, may_be_read
from timbresep.data.sources.raw_track import Problem, RawTrack, collect
from timbresep.data.sources.recording import Recording
from timbresep.data.track import SUFFIXES, split_of
from timbresep.errors import AudioError, DataError

NUMBER = re.compile(r"[_ -]*(stem|raw)?[_ -]*\d*([_ -]\d+)?$", re.IGNORECASE)


def find(location: Location) -> Iterator[RawTrack | Problem]:
    """Songs across the folders; what sounds together has one length and rate."""
    recordings = []
    for folder in folders_in(location.root):
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
        members = [(location.naming(label), Recording(path)) for *_, label, path in group]
        yield _track(
            location, song if taken[song] == 1 else f"{song} ({taken[song]})", song, members
        )


def find_solos(location: Location) -> Iterator[RawTrack | Problem]:
    """Each recording is a track of one stem.

    Raises:
        DataError: nothing says which instrument it is; the folder's name does not.
    """
    if location.owner is None:
        raise DataError(
            f"{location.root}: solo recordings, and nothing says of which instrument",
            f"--data INSTRUMENT={location.root}",
        )
    for path in sorted(location.root.rglob("*")):
        visible = all(part[0] != "." for part in path.relative_to(location.root).parts)
        if visible and path.is_file() and path.suffix.lower() in SUFFIXES:
            name = path.relative_to(location.root).with_suffix("").as_posix().replace("/", " - ")
            yield _track(location, name, song_of(path), [(location.owner, Recording(path))])


def _track(
    location: Location, name: str, song: str, members: list[tuple[str, Recording]]
) -> RawTrack:
    return RawTrack(
        name=name,
        piece=song,
        split=split_of(song),
        sound_source=location.root.name,
        licence=location.licence,
        stems=collect(iter(members)),
        by_chance=True,
    )


def song_of(path: Path) -> str:
    """The song a recording is of: its name without `_STEM_04` or a number at the end."""
    return NUMBER.sub("", path.stem) or path.stem


def _matches(location: Location) -> bool:
    folders = folders_in(location.root)
    return bool(folders) and all(location.naming.knows(folder.name) for folder in folders)


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
    matches=lambda location: location.root.is_dir() and bool(audio_in(location.root)),
    find=find_solos,
)
