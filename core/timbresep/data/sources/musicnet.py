"""Source `musicnet`: MusicNet, `<root>/train_data/1727.wav` and `<root>/train_labels/1727.csv`.

Recordings of chamber music without stems, with the notes of all instruments: only a transcriber
learns from them. Those of one composition (`musicnet_metadata.csv`) are on one side of the split.

J. Thickstun et al., "Learning Features of Music from Scratch", ICLR 2017.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from timbresep.data.sources.adapter import Kind, Location
from timbresep.data.sources.folders import audio_in
from timbresep.data.sources.raw_track import Problem, RawTrack
from timbresep.data.sources.recording import Recording
from timbresep.data.sources.scored import scored
from timbresep.data.track import Split, split_of
from timbresep.errors import DataError
from timbresep.notes.labels import read_labels

METADATA = "musicnet_metadata.csv"
LONGEST_METADATA = 1 << 20  # letters; it has 330 rows


def find(location: Location) -> Iterator[RawTrack | Problem]:
    """The recordings that have labels."""
    pieces = _pieces(location.root / METADATA)
    for side in ("train", "test"):
        for path in audio_in(location.root / f"{side}_data"):
            labels = location.root / f"{side}_labels" / f"{path.stem}.csv"
            piece = pieces.get(path.stem, f"musicnet {path.stem}")
            track = RawTrack(
                name=path.stem,
                piece=piece,
                split="test" if side == "test" else _side(piece),
                sound_source="MusicNet",
                licence=location.licence,
                stems={},
                mixture=Recording(path),
                by_chance=side == "train",
            )
            try:
                yield scored(track, labels, read_labels(labels), location)
            except DataError as error:
                yield Problem.of(path.stem, error)


def _side(piece: str) -> Split:
    """The side of a piece that is none of the test set's."""
    return "valid" if split_of(piece) == "valid" else "train"


def _pieces(path: Path) -> Mapping[str, str]:
    """Number of a recording → its composition; nothing where that is not known."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file.read(LONGEST_METADATA).splitlines())
            return {row["id"]: f"{row['composer']} {row['composition']}" for row in rows}
    except (OSError, ValueError, KeyError, csv.Error):
        return {}


def _looks_like_it(location: Location) -> bool:
    folders = ((location.root / f"{side}_labels") for side in ("train", "test"))
    return any(any(folder.glob("*.csv")) for folder in folders)


KIND = Kind(
    name="musicnet",
    title="MusicNet",
    layout="<folder>/<train|test>_data/1727.wav and <train|test>_labels/1727.csv",
    matches=_looks_like_it,
    find=find,
    licence="CC BY 4.0",
    get="download it from https://zenodo.org/records/5120004",
    sizes=(330,),
)
