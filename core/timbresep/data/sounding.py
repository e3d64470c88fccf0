"""Whether instruments sound anywhere in their stems: known before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from timbresep import audio
from timbresep.data.skipped import Skipped
from timbresep.data.track import Track
from timbresep.errors import AudioError, DataError


def check_sound(tracks: Sequence[Track], names: Sequence[str], use: str, skipped: Skipped) -> None:
    """Raise DataError, naming a file, when all stems of an instrument are silent or unreadable.

    Stems are read until there is a sound, which is at once in most cases.

    Args:
        tracks: those of one side.
        names: the instruments.
        use: what the tracks are for, a verb.
        skipped: collects stems that cannot be read.
    """
    for name in names:
        stems = [track for track in tracks if name in track.stems]
        met = Skipped()
        if any(_sounds(track, track.stems[name], met) for track in stems):
            continue
        skipped.add(met)
        reason = next(iter(met.reasons.values()), f"{stems[0].stems[name]} is silent")
        others = f", and so on in {len(stems) - 1} more tracks" if len(stems) > 1 else ""
        raise DataError(
            f"nothing to {use} {name} on: {reason}{others}",
            "add tracks in which it sounds, or say in track.yaml on which side a track is",
        )


def _sounds(track: Track, path: Path, met: Skipped) -> bool:
    """Whether there is anything but zeros in a stem, as far as it can be read."""
    try:
        return any(block.any() for block in audio.read_blocks(path, start=track.first))
    except AudioError as error:
        met.met(path, error.message)
        return False
