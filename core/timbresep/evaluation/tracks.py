"""The tracks in a folder, as an evaluation reads them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from timbresep.data.recipe import DatasetSpec
from timbresep.data.sources import stem_folders
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.discover import dataset_at, stem_names
from timbresep.data.sources.folders import audio_in, folders_in
from timbresep.data.sources.listing import Listing, list_tracks
from timbresep.data.sources.naming import Naming
from timbresep.data.sources.prepared import prepare
from timbresep.data.sources.raw_track import Problem
from timbresep.data.sources.stem_folders import NOT_STEMS
from timbresep.data.threads import workers
from timbresep.data.track import SUFFIXES, Split, Track
from timbresep.data.user_cache import default_cache
from timbresep.errors import DataError, TimbresepError
from timbresep.instrument import Instrument
from timbresep.notes.midi import TRACK_NOTES
from timbresep.notes.reading import KINDS

log = logging.getLogger(__name__)

PUBLISHED = get_args(DatasetSpec.model_fields["kind"].annotation)


@dataclass(frozen=True)
class Tracks:
    """Which tracks to score.

    Attributes:
        root, source, split: as for `tracks_in`.
        limit: only the first tracks.
        notes: as for `tracks_in`.
    """

    root: Path
    source: str = ""
    split: Split | None = None
    limit: int | None = None
    notes: bool = False

    @classmethod
    def named(cls, text: str, split: Split | None, limit: int | None, *, notes: bool) -> Tracks:
        """Tracks of ``[SOURCE=]FOLDER``."""
        source, root = named_folder(text)
        return cls(root, source, split, limit, notes)

    def find(self, instruments: Sequence[Instrument], skip: Skip | None = None) -> list[Track]:
        """The tracks; arguments and errors as of `tracks_in`."""
        found = tracks_in(self.root, instruments, self.split, skip, self.source, notes=self.notes)
        return found[: self.limit]


Skip = Callable[[str, TimbresepError], None]
"""Told the name of a track that cannot be used, and why."""


def named_folder(text: str) -> tuple[str, Path]:
    """Source and folder in ``[NAME=]FOLDER``; the source is empty when none is named."""
    source, sign, folder = text.partition("=")
    if not sign or Path(text).is_dir():
        return "", Path(text)
    return source, Path(folder)


def tracks_in(
    root: Path,
    instruments: Sequence[Instrument],
    split: Split | None = None,
    skip: Skip | None = None,
    source: str = "",
    *,
    notes: bool = False,
) -> list[Track]:
    """The tracks in a folder of stem folders or in a dataset, their stems named by instrument.

    A file named ``mixture`` or ``mix`` beside the stems is what is separated; without it, their
    sum is. The folder may have sides of a split in it, as MUSDB18-HQ has. Of other datasets, what
    has to be decoded or summed is written into the cache.

    Args:
        root: ``<root>/[train|valid|test/]<track>/<instrument or alias>.(wav|flac|ogg)``, or a
            dataset that lies as its adapter in `timbresep.data.sources` expects it.
        instruments: whose names and aliases stems may have.
        split: only the tracks on this side of the split.
        skip: called with each bad track, which is left out; without it, the first is an error.
        source: a source of the recipes: the folder is read as they say that it is.
        notes: each track has the notes of its stems in a score, `notes.mid` beside them or
            `<track>.mid`, `.musicxml` … beside its folder; numbered stems of one instrument, those
            of two players, stay apart (`…_1`, `…_2`).

    Raises:
        DataError: no track, none on that side, stems that do not fit together, or a track without
            notes.
        AudioError, ConfigError: a stem or a `track.yaml` that cannot be read.
        UnknownNameError: no recipe has the source.
        MissingToolError: a dataset's files need a program that is not installed.
    """
    found: dict[str, Track] = {}
    listed = skipped = 0
    for listing in _listings(root, instruments, source, notes=notes):
        skipped += _tell(listing.problems, skip)
        listed += len(listing.tracks)
        skipped += _tell(_mixed_in(listing), skip)
        listing.tracks = [track for track in listing.tracks if split in (None, track.raw.split)]
        listing.problems = []
        files = _notes_in(listing) if notes else {}
        for track in prepare(listing, default_cache(), workers()):
            if notes:
                track = replace(track, notes=files[track.name])
            if track.name in found:
                listing.problems.append(Problem(track.name, "another track has this name"))
            else:
                found[track.name] = track
        skipped += _tell(listing.problems, skip)
    if listed and not found and split:
        raise DataError(f"{root}: none of its {listed} tracks is on the side '{split}'")
    if not found:
        raise DataError(
            f"{root}: none of its {skipped} tracks can be used" if skipped else f"{root}: no track",
            f"expected {stem_folders.KIND.layout}",
        )
    return list(found.values())


def _mixed_in(listing: Listing) -> list[Problem]:
    """Take the tracks whose stems are not apart out of a listing."""
    mixed = [track.raw.name for track in listing.tracks if track.raw.mixed]
    listing.tracks = [track for track in listing.tracks if not track.raw.mixed]
    cause = DataError("a mixture without stems", "an evaluation compares with stems")
    return [Problem.of(name, cause) for name in mixed]


def _notes_in(listing: Listing) -> dict[str, Path]:
    """The files of notes of a dataset's tracks; those without are problems, and no tracks."""
    found = {}
    for track in listing.tracks:
        name = track.raw.name
        beside = next(iter(track.raw.stems.values()))[0].path.parent / TRACK_NOTES
        # a name that leads elsewhere has no file here
        named = [listing.location.root / f"{name}{end}" for end in KINDS if name == Path(name).name]
        if file := next((path for path in (beside, *named) if path.is_file()), None):
            found[name] = file
        else:
            cause = DataError(f"track '{name}' has no notes", f"expected {beside}")
            listing.problems.append(Problem.of(name, cause))
    listing.tracks = [track for track in listing.tracks if track.raw.name in found]
    return found


def _listings(
    root: Path, instruments: Sequence[Instrument], source: str, *, notes: bool
) -> Iterator[Listing]:
    """What is in a published dataset, or in a folder of stem folders, side by side of its split.

    One's own folder is taken at its word: a track whose mixture does not fit its stems is no track.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of tracks", f"expected {stem_folders.KIND.layout}")
    naming = Naming(stem_names(instruments), numbered=notes)
    if source or not _has_stem_folders(root):
        kind, location = dataset_at(root, instruments, source)
        location = replace(location, naming=replace(location.naming, numbered=notes))
        if kind.name in PUBLISHED:
            yield list_tracks(kind.name, kind, location)
            return
        naming = location.naming
    for side, folder in _sides(root):
        kind = stem_folders.KIND
        listing = list_tracks(kind.name, kind, Location(folder, naming), strict=True)
        if side:
            listing.tracks = [
                replace(track, raw=replace(track.raw, split=side)) for track in listing.tracks
            ]
        yield listing


def _tell(problems: Sequence[Problem], skip: Skip | None) -> int:
    """Tell of tracks that cannot be used, or raise the first one; returns how many there are."""
    skipped = 0
    for problem in problems:
        if not problem.skipped:
            log.warning("%s", problem)
        elif skip is None:
            raise problem.error
        else:
            skip(problem.where, problem.error)
            skipped += 1
    return skipped


def _has_stem_folders(root: Path) -> bool:
    return any(
        path.stem.lower() not in NOT_STEMS
        for _, folder in _sides(root)
        for track in folders_in(folder)
        for path in audio_in(track)
    )


def _sides(root: Path) -> Iterator[tuple[Split | None, Path]]:
    """The folders of tracks in a root, and the side of the split that each stands for."""
    sides = [(side, root / side) for side in get_args(Split) if (root / side).is_dir()]
    # a track, too, may have the name of a side
    sides = [
        pair for pair in sides if not any(p.suffix.lower() in SUFFIXES for p in pair[1].iterdir())
    ]
    yield from sides or [(None, root)]
