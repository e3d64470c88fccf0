"""Source `musdb`: MUSDB18 (`.stem.mp4`) and MUSDB18-HQ (WAV).

`<root>/<train|test>/<Artist - Title>.stem.mp4` or `<root>/<train|test>/<Artist - Title>/*.wav`.
Sources, their order in a STEM file and the validation tracks are those of the musdb package. The
package itself is not imported: it would probe every file with ffprobe before the first is used, and
stop at a bad one. The WAV edition, and folders that are no MUSDB18 at all, need no ffmpeg.

Z. Rafii et al., "MUSDB18: a corpus for music separation", 2017.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from timbresep.data.sources.adapter import Kind, Location
from timbresep.data.sources.folders import folders_in
from timbresep.data.sources.naming import piece_of
from timbresep.data.sources.raw_track import Problem, RawTrack
from timbresep.data.sources.recording import Recording
from timbresep.data.sources.stem_mp4 import ENDING
from timbresep.data.track import Split
from timbresep.errors import MissingToolError

SIDES = ("train", "test")


@dataclass(frozen=True)
class Setup:
    """What the musdb package knows of the dataset.

    Attributes:
        files: source → file name in MUSDB18-HQ.
        streams: source, or mixture → stream of a STEM file.
        mixture: file name of the mixture in MUSDB18-HQ.
        validation: tracks of the training set that are for validation.
    """

    files: Mapping[str, str]
    streams: Mapping[str, int]
    mixture: str
    validation: frozenset[str]


@cache
def official() -> Setup:
    """The settings of the musdb package, from its own file: to import the package needs ffmpeg.

    Raises:
        MissingToolError: the package is not installed.
    """
    package = importlib.util.find_spec("musdb")
    if package is None or package.origin is None:
        raise MissingToolError(
            "MUSDB18 needs the package musdb", "pip install -c constraints.txt musdb"
        )
    text = (Path(package.origin).parent / "configs" / "mus.yaml").read_text(encoding="utf-8")
    setup = yaml.safe_load(text)
    return Setup(
        setup["sources"],
        setup["stem_ids"],
        setup["mixture"],
        frozenset(setup["validation_tracks"]),
    )


def find(location: Location) -> Iterator[RawTrack | Problem]:
    """The tracks of both editions that have all sources."""
    for side in SIDES:
        for path in sorted((location.root / side).glob(f"*{ENDING}")):
            streams = official().streams
            stems = {name: Recording(path, streams[name]) for name in official().files}
            mixture = Recording(path, streams["mixture"])
            yield _track(path.name.removesuffix(ENDING), side, stems, mixture, location)
        for folder in folders_in(location.root / side):
            yield _wav_track(folder, side, location)


def _wav_track(folder: Path, side: str, location: Location) -> RawTrack | Problem:
    files = {name: folder / file for name, file in official().files.items()}
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing:
        return Problem(f"{side}/{folder.name}", f"{' and '.join(missing)} missing")
    mixture = folder / official().mixture
    return _track(
        folder.name,
        side,
        {name: Recording(path) for name, path in files.items()},
        Recording(mixture) if mixture.is_file() else None,
        location,
    )


def _track(
    name: str,
    side: str,
    stems: Mapping[str, Recording],
    mixture: Recording | None,
    location: Location,
) -> RawTrack:
    split: Split = "test" if side == "test" else "train"
    if split == "train" and name in official().validation:
        split = "valid"
    return RawTrack(
        name=name,
        piece=piece_of(name),
        split=split,
        sound_source="MUSDB18",
        licence=location.licence,
        stems={location.naming(label): (recording,) for label, recording in stems.items()},
        mixture=mixture,
    )


def _matches(location: Location) -> bool:
    sides = [location.root / side for side in SIDES]
    return any(
        any(side.glob(f"*{ENDING}")) or any(side.glob(f"*/{official().mixture}")) for side in sides
    )


KIND = Kind(
    name="musdb",
    title="MUSDB18",
    layout="<folder>/<train|test>/<Artist - Title>.stem.mp4, or <Artist - Title>/<source>.wav",
    matches=_matches,
    find=find,
    licence="non-commercial: educational use only, tracks in part CC BY-NC-SA",
    get="download it from https://sigsep.github.io/datasets/musdb.html",
    sizes=(150,),
)
