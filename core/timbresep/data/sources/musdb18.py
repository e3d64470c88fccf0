"""Source `musdb`: MUSDB18 (`.stem.mp4`) and MUSDB18-HQ (WAV). The only way to musdb and stempeg.

`<root>/<train|test>/<Artist - Title>.stem.mp4` or `<root>/<train|test>/<Artist - Title>/bass.wav`.
Sources, their order in a STEM file and the validation tracks are those of the musdb package. The
package itself would probe every file with ffprobe before the first is used, and stop at a bad one;
here a file is probed when it is its turn. The WAV edition, and folders that are no MUSDB18 at all,
need no ffmpeg.

Z. Rafii et al., "MUSDB18: a corpus for music separation", 2017.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from timbresep.audio import AudioInfo
from timbresep.data.sources.found import Found, Kind, Part, Place, Problem, folders_in, piece_of
from timbresep.data.track import Split
from timbresep.errors import AudioError, MissingToolError

ENDING = ".stem.mp4"
SIDES = ("train", "test")
AAC_FRAME = 1024
WHOLE = 0.99  # share of the streams' bytes that a file must hold: their rates are rounded


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


def find(place: Place) -> Iterator[Found | Problem]:
    """The tracks of both editions that have all sources."""
    for side in SIDES:
        for path in sorted((place.root / side).glob(f"*{ENDING}")):
            streams = official().streams
            stems = {name: Part(path, streams[name]) for name in official().files}
            mixture = Part(path, streams["mixture"])
            yield _track(path.name.removesuffix(ENDING), side, stems, mixture, place)
        for folder in folders_in(place.root / side):
            yield _wav_track(folder, side, place)


def _wav_track(folder: Path, side: str, place: Place) -> Found | Problem:
    files = {name: folder / file for name, file in official().files.items()}
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing:
        return Problem(f"{side}/{folder.name}", f"{' and '.join(missing)} missing")
    mixture = folder / official().mixture
    return _track(
        folder.name,
        side,
        {name: Part(path) for name, path in files.items()},
        Part(mixture) if mixture.is_file() else None,
        place,
    )


def _track(
    name: str, side: str, stems: Mapping[str, Part], mixture: Part | None, place: Place
) -> Found:
    split: Split = "test" if side == "test" else "train"
    if split == "train" and name in official().validation:
        split = "valid"
    return Found(
        name=name,
        piece=piece_of(name),
        split=split,
        sound_source="MUSDB18",
        licence=place.licence,
        stems={place.naming(label): (part,) for label, part in stems.items()},
        mixture=mixture,
    )


def stream_info(path: Path) -> list[AudioInfo]:
    """Rate, channels and length of every stream of a STEM file.

    Raises:
        AudioError: the file is cut or is no STEM file.
        MissingToolError: ffmpeg is not installed.
    """
    _need_ffmpeg()
    try:
        about = path.stat()
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}", "check the path") from error
    return _probe(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=256)
def _probe(path: Path, size: int, changed: int) -> list[AudioInfo]:
    """Ask ffprobe, once for each state of a file."""
    import ffmpeg
    import stempeg

    try:
        about = stempeg.Info(str(path))
        streams = [
            AudioInfo(path, about.sample_rate(k), about.channels(k), about.samples(k))
            for k in range(about.nb_audio_streams)
        ]
        bits = sum(float(s["bit_rate"]) * float(s["duration"]) for s in about.audio_streams)
    except (ffmpeg.Error, KeyError, ValueError) as error:
        raise AudioError(f"{path}: ffprobe cannot read it", "get a whole copy") from error
    if size < WHOLE * bits / 8:
        raise AudioError(
            f"{path}: cut short; it should be {bits / 8e6:.2f} MB and is {size / 1e6:.2f} MB",
            "get a whole copy",
        )
    return streams


def read_stream(part: Part, start: int = 0, frames: int | None = None) -> NDArray[np.float32]:
    """Decode one stream of a STEM file, to 16 bits as musdb does.

    Args:
        part: file and stream.
        start: first sample.
        frames: how many samples; None for all that follow.
    Returns:
        (channels, samples); fewer samples only at the end of the stream.
    Raises:
        AudioError: it cannot be decoded, or ends more than one AAC frame early.
        MissingToolError: ffmpeg is not installed.
    """
    streams = stream_info(part.path)
    import stempeg  # stops where there is no ffmpeg

    if part.stream is None or part.stream >= len(streams):
        raise AudioError(f"{part.path}: has {len(streams)} streams, not {part.stream}")
    about = streams[part.stream]
    wanted = min(about.frames - start, about.frames if frames is None else frames)
    wave, _ = stempeg.read_stems(
        str(part.path),
        start=start / about.rate if start else None,
        duration=None if frames is None else frames / about.rate,
        stem_id=part.stream,
        dtype=np.float32,
        ffmpeg_format="s16le",
    )
    wave = np.ascontiguousarray(np.reshape(wave, (-1, about.channels)).T)  # (channels, samples)
    if wave.shape[1] < wanted - AAC_FRAME:
        raise AudioError(
            f"{part.path}: stream {part.stream} ends at {(start + wave.shape[1]) / about.rate:.1f}"
            f" s of {about.duration:.1f} s",
            "get a whole copy",
        )
    return wave[:, :wanted]


def _need_ffmpeg() -> None:
    for program in ("ffmpeg", "ffprobe"):
        if shutil.which(program) is None:
            raise MissingToolError(
                f"reading {ENDING} needs the program {program}",
                "install ffmpeg (apt install ffmpeg), or use MUSDB18-HQ, which is WAV",
            )


def _matches(place: Place) -> bool:
    sides = [place.root / side for side in SIDES]
    return any(
        any(side.glob(f"*{ENDING}")) or any(side.glob(f"*/{official().mixture}")) for side in sides
    )


KIND = Kind(
    name="musdb",
    title="MUSDB18",
    layout="<folder>/<train|test>/<Artist - Title>.stem.mp4, or <Artist - Title>/bass.wav …",
    matches=_matches,
    find=find,
    licence="non-commercial: educational use only, tracks in part CC BY-NC-SA",
    get="download it from https://sigsep.github.io/datasets/musdb.html",
    sizes=(150,),
)
