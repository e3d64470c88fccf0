"""A dataset as a list of tracks that can be used: every header is read, every fault is told."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

from timbresep import audio
from timbresep.audio import AudioInfo
from timbresep.data.sources import musdb18
from timbresep.data.sources.found import Found, Kind, Part, Place, Problem
from timbresep.errors import AudioError, DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sized:
    """A multitrack on disk that fits together, with its length and rate.

    Attributes:
        found: the track.
        frames: samples of its longest recording.
        rate: Hz.
        exact: recordings that have just that length and are files of their own.
    """

    found: Found
    frames: int
    rate: int
    exact: frozenset[Part]

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return self.frames / self.rate / 60


@dataclass
class Listing:
    """What is in one dataset.

    Attributes:
        source: the name it has in recipes or on the command line.
        kind, place: what it is and where.
        tracks: the usable tracks.
        problems: everything else that was met.
        pending: how tracks will come to be that are not there yet.
    """

    source: str
    kind: Kind
    place: Place
    tracks: list[Sized] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    pending: str = ""

    def check_any(self) -> None:
        """Raise DataError, with the first problem, when there is no usable track."""
        if not self.tracks:
            raise DataError(
                f"{self.place.root}: no usable track in it; {self.problems[0]}",
                f"expected {self.kind.layout}",
            )

    @property
    def skipped(self) -> int:
        """Tracks that are left out."""
        return sum(problem.skipped for problem in self.problems)


def list_tracks(source: str, kind: Kind, place: Place) -> Listing:
    """Look into a dataset; a track that cannot be used becomes a problem, not an error.

    Raises:
        MissingToolError: a program that this dataset's files need is not installed.
    """
    listing = Listing(source, kind, place)
    for item in kind.find(place):
        if isinstance(item, Problem):
            listing.problems.append(item)
            continue
        try:
            track = measure(item)
        except (AudioError, DataError) as error:
            listing.problems.append(Problem(item.name, str(error)))
            continue
        if fault := _mixture_fault(track):
            listing.problems.append(Problem(item.name, fault, skipped=False))
            track = replace(track, found=replace(item, mixture=None))
        listing.tracks.append(track)
    if not listing.tracks and not listing.problems:
        fault = "no track in it" if place.root.is_dir() else "no such folder of tracks"
        listing.problems.append(Problem(str(place.root), fault, skipped=False))
    return listing


def measure(found: Found) -> Sized:
    """Read the headers of a track's recordings.

    Raises:
        DataError: there are none, or they differ in rate, or in length where that is not meant to
            be (the file is named), or have more than two channels.
        AudioError: one of them is not readable audio.
    """
    infos = {part: part_info(part) for parts in found.stems.values() for part in parts}
    if not infos:
        raise DataError(f"{found.name}: no stem in it", "add recordings, or remove it")
    first = next(iter(infos.values()))
    for about in infos.values():
        if about.rate != first.rate or (about.frames != first.frames and not found.pads):
            raise DataError(
                f"{about.path}: {about.frames} samples at {about.rate} Hz, but "
                f"{first.path.name} has {first.frames} at {first.rate} Hz",
                "the stems of a track need one length and one rate",
            )
        if about.channels > 2:
            raise DataError(f"{about.path}: {about.channels} channels", "use mono or stereo")
    frames = max(about.frames for about in infos.values())
    exact = {part for part, about in infos.items() if about.frames == frames}
    whole = frozenset(part for part in exact if part.stream is None)
    return Sized(found, frames, first.rate, whole)


def _mixture_fault(track: Sized) -> str:
    """Why the dataset's own mixture cannot be set beside the stems; empty when it can."""
    part = track.found.mixture
    if part is None:
        return ""
    try:
        about = part_info(part)
    except AudioError as error:
        return f"its mixture is not used: {error}"
    if (about.frames, about.rate) == (track.frames, track.rate):
        return ""
    return (
        f"its mixture is not used: {about.frames} samples at {about.rate} Hz, "
        f"the stems have {track.frames} at {track.rate} Hz"
    )


def part_info(part: Part) -> AudioInfo:
    """Rate, channels and length of a recording.

    Raises:
        AudioError: it is not readable audio.
    """
    if part.stream is None:
        about = audio.info(part.path)
        for note in about.notes:
            log.warning(note)
        return about
    streams = musdb18.stream_info(part.path)
    if part.stream >= len(streams):
        raise AudioError(
            f"{part.path}: has {len(streams)} streams, not {part.stream + 1} or more",
            "get a whole copy",
        )
    return streams[part.stream]
