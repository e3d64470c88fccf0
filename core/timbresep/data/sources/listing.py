"""A dataset as a list of usable tracks: every header is read, every fault is reported."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from timbresep.data.sources.adapter import Kind, Location
from timbresep.data.sources.raw_track import Problem, RawTrack
from timbresep.data.sources.recording import Recording, recording_info
from timbresep.errors import AudioError, DataError


@dataclass(frozen=True)
class MeasuredTrack:
    """A multitrack on disk that fits together, with its length and rate.

    Attributes:
        raw: the track.
        frames: samples of its longest recording.
        rate: Hz.
        exact: recordings that have just that length and are files of their own.
    """

    raw: RawTrack
    frames: int
    rate: int
    exact: frozenset[Recording]

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return self.frames / self.rate / 60


@dataclass
class Listing:
    """What is in one dataset.

    Attributes:
        source: the name it has in recipes or on the command line.
        kind, location: what it is and where.
        tracks: the usable tracks.
        problems: everything else that was met.
        pending: how tracks will come to be that are not there yet.
    """

    source: str
    kind: Kind
    location: Location
    tracks: list[MeasuredTrack] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    pending: str = ""

    def check_any(self) -> None:
        """Raise DataError, with the first problem, when there is no usable track."""
        if not self.tracks:
            raise DataError(
                f"{self.location.root}: no usable track in it; {self.problems[0]}",
                f"expected {self.kind.layout}",
            )

    @property
    def skipped(self) -> int:
        """Tracks that are left out."""
        return sum(problem.skipped for problem in self.problems)


def list_tracks(source: str, kind: Kind, location: Location, *, strict: bool = False) -> Listing:
    """Look into a dataset; a track that cannot be used becomes a problem, not an error.

    Args:
        source: the name it has in recipes or on the command line.
        kind: what it is.
        location: where it is.
        strict: leave out every track with a problem. Otherwise those stay of which only the
            mixture cannot be used: training mixes the stems anew.

    Raises:
        MissingToolError: a program that this dataset's files need is not installed.
    """
    listing = Listing(source, kind, location)
    for item in kind.find(location):
        track, problem = _usable(item)
        if problem is not None:
            problem = replace(problem, skipped=problem.skipped or strict)
            listing.problems.append(problem)
        if track is not None and not (problem and problem.skipped):
            listing.tracks.append(track)
    if not listing.tracks and not listing.problems:
        fault = "no track in it" if location.root.is_dir() else "no such folder of tracks"
        listing.problems.append(Problem(str(location.root), fault, skipped=False))
    return listing


def _usable(item: RawTrack | Problem) -> tuple[MeasuredTrack | None, Problem | None]:
    """What an adapter found, as a track that can be used, and what is wrong with it."""
    if isinstance(item, Problem):
        return None, item
    try:
        track = measure(item)
    except (AudioError, DataError) as error:
        return None, Problem.of(item.name, error)
    fault = _mixture_fault(track)
    if not fault:
        return track, None
    without = replace(track, raw=replace(item, mixture=None))
    return without, Problem(item.name, f"its mixture cannot be used: {fault}", skipped=False)


def measure(raw: RawTrack) -> MeasuredTrack:
    """Read the headers of a track's recordings.

    Raises:
        DataError: there are none, or they differ in rate, or in length where that is not meant to
            be (the file is named), or have more than two channels.
        AudioError: one of them is not readable audio.
    """
    infos = {
        recording: recording_info(recording)
        for recordings in raw.stems.values()
        for recording in recordings
    }
    if not infos:
        raise DataError(f"{raw.name}: no stem in it", "add recordings, or remove it")
    first = next(iter(infos.values()))
    for about in infos.values():
        if about.rate != first.rate or (about.frames != first.frames and not raw.pads):
            raise DataError(
                f"{about.path}: {about.frames} samples at {about.rate} Hz, but "
                f"{first.path.name} has {first.frames} at {first.rate} Hz",
                "the stems of a track need one length and one rate",
            )
        if about.channels > 2:
            raise DataError(f"{about.path}: {about.channels} channels", "use mono or stereo")
    frames = max(about.frames for about in infos.values())
    exact = {recording for recording, about in infos.items() if about.frames == frames}
    whole = frozenset(recording for recording in exact if recording.stream is None)
    return MeasuredTrack(raw, frames, first.rate, whole)


def _mixture_fault(track: MeasuredTrack) -> str:
    """Why the dataset's own mixture cannot be set beside the stems; empty when it can."""
    recording = track.raw.mixture
    if recording is None:
        return ""
    try:
        about = recording_info(recording)
    except AudioError as error:
        return str(error)
    if (about.frames, about.rate) == (track.frames, track.rate):
        return ""
    return (
        f"{about.frames} samples at {about.rate} Hz, "
        f"the stems have {track.frames} at {track.rate} Hz"
    )
