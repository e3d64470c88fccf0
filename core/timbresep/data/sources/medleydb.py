"""Source `medleydb`: MedleyDB V1 and V2.

`<root>/**/<Artist_Title>/<Artist_Title>_STEMS/…_STEM_01.wav`, with `…_MIX.wav` beside that folder.
What each stem is says `<Artist_Title>_METADATA.yaml`, in the song's folder or anywhere else below
the root: all of them come with the repository marl/medleydb, in `medleydb/data/Metadata`.

R. Bittner et al., "MedleyDB: A Multitrack Dataset for Annotation-Intensive MIR Research", 2014.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from timbresep.config import load_yaml
from timbresep.data.sources.adapter import Kind, LenientModel, Location
from timbresep.data.sources.folders import beneath
from timbresep.data.sources.naming import piece_of
from timbresep.data.sources.raw_track import Problem, RawTrack, collect, incomplete
from timbresep.data.sources.recording import Recording
from timbresep.data.track import split_of
from timbresep.errors import ConfigError, DataError

ENDING = "_METADATA.yaml"


class Stem(LenientModel):
    """A stem in the metadata; its raw recordings are not used."""

    filename: str
    instrument: str | list[str]


class Metadata(LenientModel):
    """The keys of a metadata file that matter here."""

    stems: dict[str, Stem]
    stem_dir: str
    mix_filename: str
    has_bleed: Literal["yes", "no"] | bool = "no"


def find(location: Location) -> Iterator[RawTrack | Problem]:
    """The songs whose stems are all there. One artist is on one side of the split."""
    songs = {path.name.removesuffix("_STEMS"): path.parent for path in _stem_folders(location.root)}
    metadata = {path.name.removesuffix(ENDING): path for path in _metadata_files(location.root)}
    for song, folder in sorted(songs.items()):
        if song not in metadata:
            yield Problem(
                song,
                f"no {song}{ENDING}; it is in medleydb/data/Metadata of the "
                "repository marl/medleydb: put that folder below the dataset's",
            )
            continue
        try:
            about = load_yaml(metadata[song], Metadata)
            found = _track(song, folder, about, location)
        except (ConfigError, DataError) as error:
            found = Problem(song, str(error))
        yield found


def _track(song: str, folder: Path, about: Metadata, location: Location) -> RawTrack | Problem:
    if about.has_bleed in ("yes", True) and not location.bleed:
        return Problem(song, "other instruments bleed into its stems")
    stems = {
        beneath(folder, about.stem_dir, stem.filename): _label(stem.instrument)
        for _, stem in sorted(about.stems.items())
    }
    if problem := incomplete(song, stems):
        return problem
    mixture = beneath(folder, about.mix_filename)
    return RawTrack(
        name=song,
        piece=piece_of(song),
        split=split_of(song.partition("_")[0]),
        sound_source="MedleyDB",
        licence=location.licence,
        stems=collect((location.naming(label), Recording(path)) for path, label in stems.items()),
        mixture=Recording(mixture) if mixture.is_file() else None,
    )


def _label(instrument: str | list[str]) -> str:
    """A stem of several instruments belongs to none of them: its label is all their names."""
    return instrument if isinstance(instrument, str) else " and ".join(instrument)


def _stem_folders(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*_STEMS") if path.is_dir())


def _metadata_files(root: Path) -> list[Path]:
    return sorted(root.rglob(f"*{ENDING}"))


KIND = Kind(
    name="medleydb",
    title="MedleyDB",
    layout="<folder>/**/<Artist_Title>/<Artist_Title>_STEMS/ and <Artist_Title>_METADATA.yaml",
    matches=lambda location: bool(_stem_folders(location.root)),
    find=find,
    licence="CC BY-NC-SA 4.0",
    get="ask for access at https://medleydb.weebly.com",
    sizes=(122, 74, 196),
)
