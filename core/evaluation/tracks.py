"""The tracks in a folder, as an evaluation reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from core.data.build import stem_names
from core.data.stems import StemsSource
from core.data.track import SUFFIXES, Split, Track
from core.errors import AudioError, ConfigError, DataError, TimbresepError
from core.instrument import Instrument

Skip = Callable[[str, TimbresepError], None]
"""Told the name of a track that cannot be used, and why."""


def tracks_in(
    root: Path,
    instruments: Sequence[Instrument],
    split: Split | None = None,
    skip: Skip | None = None,
) -> list[Track]:
    """The tracks in a folder of stem folders, their stems named by instrument.

    A file named ``mixture`` or ``mix`` beside the stems is what is separated; without it, their
    sum is. The folder may have sides of a split in it, as MUSDB18-HQ has.

    Args:
        root: ``<root>/[train|valid|test/]<track>/<instrument or alias>.(wav|flac|ogg)``.
        instruments: whose names and aliases stems may have.
        split: only the tracks on this side of the split.
        skip: told of bad tracks, which are left out; without it, the first one is an error.

    Raises:
        DataError: no track, none on that side, or stems that do not fit together.
        AudioError, ConfigError: a stem or a `track.yaml` that cannot be read.
    """
    names = stem_names(instruments)
    found: dict[str, Track] = {}
    skipped = 0
    for side, folder in _sides(root):
        source = StemsSource(folder, names)
        for place in source.folders():
            try:
                track = source.track(place)
                if track is None and any(p.suffix.lower() in SUFFIXES for p in place.iterdir()):
                    raise DataError(f"{place}: a mixture without stems", "add them, or remove it")
                if track is not None and track.name in found:
                    raise DataError(f"{place}: another track has this name", "rename one of them")
            except (AudioError, ConfigError, DataError) as error:
                if skip is None:
                    raise
                skip(place.name, error)
                skipped += 1
                continue
            if track is not None:
                found[track.name] = replace(track, split=side or track.split)
    chosen = [track for track in found.values() if split in (None, track.split)]
    if found and not chosen:
        raise DataError(f"{root}: none of its {len(found)} tracks is on the side '{split}'")
    if not chosen:
        raise DataError(
            f"{root}: none of its {skipped} tracks can be used" if skipped else f"{root}: no track",
            "expected <folder>/<track>/<instrument>.wav, .flac or .ogg",
        )
    return chosen


def _sides(root: Path) -> Iterator[tuple[Split | None, Path]]:
    """The folders of tracks in a root, and the side of the split that each stands for."""
    sides = [(side, root / side) for side in get_args(Split) if (root / side).is_dir()]
    # a track, too, may have the name of a side
    sides = [
        pair for pair in sides if not any(p.suffix.lower() in SUFFIXES for p in pair[1].iterdir())
    ]
    yield from sides or [(None, root)]
