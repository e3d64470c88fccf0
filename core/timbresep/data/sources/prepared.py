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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.audio.writer import AudioWriter
from timbresep.data.sources.listing import Listing, MeasuredTrack
from timbresep.data.sources.raw_track import Problem
from timbresep.data.sources.recording import Recording, read_recording, read_sum, recording_info
from timbresep.data.track import Track
from timbresep.errors import AudioError
from timbresep.files import atomic_write
from timbresep.running.progress import CountDone

log = logging.getLogger(__name__)

Recordings = tuple[Recording, ...]

LONGEST_NAME = 50  # letters, of up to four bytes each, where file systems take 255 bytes
BLOCK = 1 << 18  # samples summed at a time


def prepare(
    listing: Listing,
    cache: Path,
    workers: int = 1,
    progress: CountDone | None = None,
) -> list[Track]:
    """The tracks of a dataset, ready for random access.

    A track whose audio turns out to be broken is added to the listing's problems.

    Args:
        listing: the dataset.
        cache: folder for the files that have to be written.
        workers: tracks at a time.
        progress: called with how many of how many tracks are ready.

    Raises:
        OSError: the cache cannot be written.
    """
    root = cache / "prepared" / listing.kind.name

    def one(track: MeasuredTrack) -> Track | Problem:
        try:
            return ready(track, root)
        except AudioError as error:
            return Problem.of(track.raw.name, error)

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


def ready(track: MeasuredTrack, root: Path) -> Track:
    """One track, its missing files written below `root`.

    Raises:
        AudioError: a recording cannot be read to its end.
    """
    raw = track.raw
    stems = {name: _file(track, name, recordings, root) for name, recordings in raw.stems.items()}
    mixture = _mixture(track, root)
    return Track(
        name=raw.name,
        piece=raw.piece,
        sound_source=raw.sound_source,
        licence=raw.licence,
        stems=stems,
        frames=track.frames,
        rate=track.rate,
        split=raw.split,
        mixture=mixture,
        by_chance=raw.by_chance,
        written=raw.written,
        mixed=raw.mixed,
    )


def is_ready(track: MeasuredTrack, root: Path) -> bool:
    """Whether `ready` has nothing to write."""
    return all(
        _in_place(track, recordings) or _kept(_target(track, name, recordings, root))
        for name, recordings in track.raw.stems.items()
    )


def _mixture(track: MeasuredTrack, root: Path) -> Path | None:
    recording = track.raw.mixture
    if recording is None or recording.stream is None:
        return recording.path if recording else None
    return _file(track, "mixture", (recording,), root)


def _file(track: MeasuredTrack, name: str, recordings: Recordings, root: Path) -> Path:
    if _in_place(track, recordings):
        return recordings[0].path
    target = _target(track, name, recordings, root)
    return _kept(target) or _write(track, recordings, target)


def _in_place(track: MeasuredTrack, recordings: Recordings) -> bool:
    return len(recordings) == 1 and recordings[0] in track.exact


def _target(track: MeasuredTrack, name: str, recordings: Recordings, root: Path) -> Path:
    """Where a stem is kept, without the ending."""
    digest = hashlib.sha256(str(track.frames).encode())
    for recording in recordings:
        about = recording.path.stat()
        made_of = (
            str(recording.path.resolve()),
            about.st_size,
            about.st_mtime_ns,
            recording.stream,
        )
        digest.update(repr(made_of).encode())
    # Both names may be of any length, and names of dots lead to other folders.
    folder = re.sub(r"[^\w .()-]", "_", track.raw.name).lstrip(".")[:LONGEST_NAME] or "_"
    stem = re.sub(r"[^\w .()-]", "_", name).lstrip(".")[:LONGEST_NAME]
    return root / folder / f"{stem}-{digest.hexdigest()[:12]}"


def _kept(target: Path) -> Path | None:
    files = (target.with_name(target.name + ending) for ending in (".flac", ".wav"))
    return next((path for path in files if path.is_file()), None)


def _write(track: MeasuredTrack, recordings: Recordings, target: Path) -> Path:
    channels = max(recording_info(recording).channels for recording in recordings)
    if len(recordings) == 1 and recordings[0].stream is not None:
        wave = read_recording(recordings[0])
        loud, subtype = False, "PCM_16"  # as it is decoded
        blocks = [np.pad(wave, ((0, 0), (0, track.frames - wave.shape[1])))]
    else:
        peak = max(float(np.abs(block).max()) for block in _blocks(track, recordings, channels))
        loud = peak >= 1
        subtype = "FLOAT" if loud else "PCM_24"
        blocks = list[NDArray[np.float32]]()
    path = target.with_name(target.name + (".wav" if loud else ".flac"))
    with (
        atomic_write(path) as temporary,
        AudioWriter(
            temporary, path, track.rate, channels, frames=track.frames, subtype=subtype
        ) as writer,
    ):
        for block in blocks or _blocks(track, recordings, channels):
            writer.write(block)
    return path


def _blocks(
    track: MeasuredTrack, recordings: Recordings, channels: int
) -> Iterator[NDArray[np.float32]]:
    for start in range(0, track.frames, BLOCK):
        yield read_sum(recordings, start, min(BLOCK, track.frames - start), channels)
