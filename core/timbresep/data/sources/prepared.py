"""From tracks on disk to tracks for training: one file a stem, all of one length.

A stem that is one file of its track's length is used where it lies. Others (a sum of several
recordings, a stream of a STEM file, a recording to pad) are written once into the cache: FLAC with
the bits of what they come from, or float WAV when a sum exceeds full scale. The name of such a file
follows from what it is made of, so that a changed dataset is prepared anew.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep import audio
from timbresep.audio_writer import AudioWriter
from timbresep.config import atomic_write
from timbresep.data.sources import musdb18
from timbresep.data.sources.found import Part, Problem
from timbresep.data.sources.listing import Listing, Sized, part_info
from timbresep.data.track import Track
from timbresep.errors import AudioError

log = logging.getLogger(__name__)

LONGEST_NAME = 50  # letters, of up to four bytes each, where file systems take 255 bytes
BLOCK = 1 << 18  # samples summed at a time


def prepare(
    listing: Listing,
    cache: Path,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Track]:
    """The tracks of a dataset, ready for random access.

    A track whose audio turns out to be broken is added to the listing's problems.

    Args:
        listing: the dataset.
        cache: folder for the files that have to be written.
        workers: tracks at a time.
        progress: told how many of how many tracks are ready.

    Raises:
        OSError: the cache cannot be written.
    """
    root = cache / "prepared" / listing.kind.name

    def one(track: Sized) -> Track | Problem:
        try:
            return ready(track, root)
        except AudioError as error:
            return Problem(track.found.name, str(error))

    waiting = sum(not is_ready(track, root) for track in listing.tracks)
    if waiting:
        log.info("%s: writing stems of %d tracks to %s", listing.source, waiting, root)
    tracks = []
    with ThreadPoolExecutor(workers) as pool:
        for done, result in enumerate(pool.map(one, listing.tracks), start=1):
            if isinstance(result, Problem):
                listing.problems.append(result)
            else:
                tracks.append(result)
            if progress is not None:
                progress(done, len(listing.tracks))
    return tracks


def ready(track: Sized, root: Path) -> Track:
    """One track, its missing files written below `root`.

    Raises:
        AudioError: a recording cannot be read to its end.
    """
    found = track.found
    stems = {name: _file(track, name, parts, root) for name, parts in found.stems.items()}
    mixture = _mixture(track, root)
    return Track(
        name=found.name,
        piece=found.piece,
        sound_source=found.sound_source,
        licence=found.licence,
        stems=stems,
        frames=track.frames,
        rate=track.rate,
        split=found.split,
        mixture=mixture,
        by_chance=found.by_chance,
    )


def is_ready(track: Sized, root: Path) -> bool:
    """Whether `ready` has nothing to write."""
    return all(
        _in_place(track, parts) or _kept(_target(track, name, parts, root))
        for name, parts in track.found.stems.items()
    )


def read_part(part: Part, start: int = 0, frames: int | None = None) -> NDArray[np.float32]:
    """Samples of a recording, (channels, samples); errors as `timbresep.audio.read`."""
    if part.stream is not None:
        return musdb18.read_stream(part, start, frames)
    return audio.read(part.path, start, -1 if frames is None else frames)[0]


def read_sum(parts: Sequence[Part], start: int, frames: int, channels: int) -> NDArray[np.float32]:
    """The sum of recordings, (channels, frames); silence follows where one has ended."""
    total = np.zeros((channels, frames), dtype=np.float32)
    for part in parts:
        available = min(frames, part_info(part).frames - start)
        if available > 0:
            wave = read_part(part, start, available)
            total[:, : wave.shape[1]] += wave  # mono is spread over both channels
    return total


def _mixture(track: Sized, root: Path) -> Path | None:
    part = track.found.mixture
    if part is None or part.stream is None:
        return part.path if part else None
    return _file(track, "mixture", (part,), root)


def _file(track: Sized, name: str, parts: tuple[Part, ...], root: Path) -> Path:
    if _in_place(track, parts):
        return parts[0].path
    target = _target(track, name, parts, root)
    return _kept(target) or _write(track, parts, target)


def _in_place(track: Sized, parts: tuple[Part, ...]) -> bool:
    return len(parts) == 1 and parts[0] in track.exact


def _target(track: Sized, name: str, parts: tuple[Part, ...], root: Path) -> Path:
    """Where a stem is kept, without the ending."""
    digest = hashlib.sha256(str(track.frames).encode())
    for part in parts:
        about = part.path.stat()
        made_of = (str(part.path.resolve()), about.st_size, about.st_mtime_ns, part.stream)
        digest.update(repr(made_of).encode())
    # Both names may be somebody's, of any length, and dots alone lead elsewhere.
    folder = re.sub(r"[^\w .()-]", "_", track.found.name).lstrip(".")[:LONGEST_NAME] or "_"
    stem = re.sub(r"[^\w .()-]", "_", name).lstrip(".")[:LONGEST_NAME]
    return root / folder / f"{stem}-{digest.hexdigest()[:12]}"


def _kept(target: Path) -> Path | None:
    files = (target.with_name(target.name + ending) for ending in (".flac", ".wav"))
    return next((path for path in files if path.is_file()), None)


def _write(track: Sized, parts: tuple[Part, ...], target: Path) -> Path:
    channels = max(part_info(part).channels for part in parts)
    if len(parts) == 1 and parts[0].stream is not None:
        wave = read_part(parts[0])
        loud, subtype = False, "PCM_16"  # as it is decoded
        blocks = [np.pad(wave, ((0, 0), (0, track.frames - wave.shape[1])))]
    else:
        peak = max(float(np.abs(block).max()) for block in _blocks(track, parts, channels))
        loud = peak >= 1
        subtype = "FLOAT" if loud else "PCM_24"
        blocks = list[NDArray[np.float32]]()
    path = target.with_name(target.name + (".wav" if loud else ".flac"))
    with (
        atomic_write(path) as temporary,
        AudioWriter(temporary, path, track.rate, channels, track.frames, subtype) as writer,
    ):
        for block in blocks or _blocks(track, parts, channels):
            writer.write(block)
    return path


def _blocks(track: Sized, parts: tuple[Part, ...], channels: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, track.frames, BLOCK):
        yield read_sum(parts, start, min(BLOCK, track.frames - start), channels)
