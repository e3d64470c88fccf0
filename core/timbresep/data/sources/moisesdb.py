"""Source `moisesdb`: MoisesDB, `<root>/**/<track>/data.json` and `<track>/<stem>/<recording>.wav`.

Every stem has recordings of several sources, each with a finer label; the labels are what names
here. Recordings of one song differ in length: MoisesDB pads their sum, and so it is done here.

I. Pereira et al., "MoisesDB: a dataset for source separation beyond 4-stems", 2023.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from timbresep.config import parse
from timbresep.data.sources.adapter import Kind, LenientModel, Location
from timbresep.data.sources.folders import beneath
from timbresep.data.sources.naming import normalised, piece_of
from timbresep.data.sources.raw_track import Problem, RawTrack, collect, incomplete
from timbresep.data.sources.recording import Recording
from timbresep.data.track import split_of
from timbresep.errors import ConfigError, DataError
from timbresep.formats.notation import parse_json


class FileEntry(LenientModel):
    """One file of a stem."""

    id: str
    trackType: str  # noqa: N815 (the file's own word)
    extension: str = "wav"
    has_bleed: bool = False


class Stem(LenientModel):
    """A coarse stem and its files."""

    stemName: str  # noqa: N815 (the file's own word)
    tracks: list[FileEntry]


class Data(LenientModel):
    """The keys of `data.json` that matter here."""

    song: str = "untitled"
    artist: str = "unknown"
    stems: list[Stem]


def find(location: Location) -> Iterator[RawTrack | Problem]:
    """The songs whose recordings are all there. One artist is on one side of the split."""
    for path in _data_files(location.root):
        folder = path.parent
        try:
            text = path.read_text(encoding="utf-8")
            found = _track(folder, parse(parse_json(text, str(path)), Data, str(path)), location)
        except (ValueError, OSError, ConfigError, DataError) as error:
            found = Problem(folder.name, f"cannot use data.json: {error}")
        yield found


def _track(folder: Path, data: Data, location: Location) -> RawTrack | Problem:
    name = f"{data.artist} - {data.song} ({folder.name[:8]})".replace("/", "-")
    recordings = [(stem.stemName, item) for stem in data.stems for item in stem.tracks]
    if not location.bleed and (
        loud := [item.trackType for _, item in recordings if item.has_bleed]
    ):
        return Problem(name, f"other instruments bleed into its recordings ({loud[0]})")
    files = {
        beneath(folder, stem, f"{item.id}.{item.extension}"): _label(stem, item.trackType)
        for stem, item in recordings
    }
    if problem := incomplete(name, files):
        return problem
    return RawTrack(
        name=name,
        piece=piece_of(data.artist + data.song),
        split=split_of(data.artist),
        sound_source="MoisesDB",
        licence=location.licence,
        stems=collect((location.naming(label), Recording(path)) for path, label in files.items()),
        pads=True,
    )


def _label(stem: str, source: str) -> str:
    """Sources that are just `other` say more together with their stem."""
    return f"{stem} {source}" if normalised(source) == "other" else source


def _data_files(root: Path) -> list[Path]:
    return sorted({*root.glob("*/data.json"), *root.glob("*/*/data.json")})


KIND = Kind(
    name="moisesdb",
    title="MoisesDB",
    layout="<folder>/moisesdb_v0.1/<track>/data.json and <track>/<stem>/<recording>.wav",
    matches=lambda location: bool(_data_files(location.root)),
    find=find,
    licence="CC BY-NC-SA 4.0 (non-commercial research)",
    get="download it from https://music.ai/research/",
    sizes=(240,),
)
