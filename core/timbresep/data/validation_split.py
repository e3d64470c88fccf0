"""Something to train and something to validate on for each instrument, where its tracks allow it.

Sides of the split follow from the names of pieces, so that a few recordings of one's own may all be
on one side. Then a tenth is held out of training: of the pieces where there are several, else of
the recordings, else of the time of the only one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter

from timbresep.data.track import Split, Track

SHARE = 0.1  # of pieces, recordings or time
NAMED = 3  # tracks that are logged by name


def with_both_sides(
    tracks: Sequence[Track],
    names: Sequence[str],
    seconds: float,
    serves: Callable[[Track], bool] = lambda _: True,
) -> tuple[list[Track], list[str]]:
    """The tracks, some of them on another side, so that each instrument is on both.

    An instrument that is on both sides stays as it is. A track whose side is stated never
    becomes one to train on. The choice follows only from the tracks' names.

    Args:
        tracks: of all sides.
        names: the instruments.
        seconds: length of a mixture; as much of a single recording is held out, if it can be.
        serves: whether a track may validate.
    Returns:
        the tracks, and what was done, a line for each time that it was needed.
    """
    placed, said = list(tracks), list[str]()

    def on(side: Split, name: str) -> list[Track]:
        return [t for t in placed if t.split == side and name in t.stems]

    for name in names:
        if not on("train", name):
            free = next(
                (
                    free
                    for side in ("valid", "test")
                    if (free := [t for t in on(side, name) if t.by_chance])
                ),
                [],
            )
            if free:
                said.append(f"nothing to train {name} on but {_told(free)}: trained on")
            placed = [replace(t, split="train") if t in free else t for t in placed]
        if any(serves(track) for track in on("valid", name)):
            continue
        pool = [track for track in on("train", name) if serves(track)]
        if held := _spare(placed, pool, names):
            said.append(f"nothing to validate {name} on: {_told(held)} held out of training for it")
            placed = [replace(t, split="valid") if t in held else t for t in placed]
        elif pool:
            whole = max(pool, key=attrgetter("frames"))
            begin, end = _cut(whole, seconds)
            said.append(
                f"nothing to validate {name} on: the last {end.seconds:.1f} s of '{whole.name}' "
                "held out of training for it"
            )
            placed = [part for t in placed for part in ([begin, end] if t == whole else [t])]
    return placed, said


def _spare(tracks: Sequence[Track], pool: Sequence[Track], names: Sequence[str]) -> list[Track]:
    """A tenth of the pieces in a pool, or else of its recordings, without which every instrument
    still has something to train on; none when there is no such thing."""
    train = [track for track in tracks if track.split == "train"]
    needed = {name for name in names if any(name in track.stems for track in train)}
    for key in (attrgetter("piece"), attrgetter("name")):
        keys = sorted({key(track) for track in pool}, key=_shuffled)
        count, held = max(1, round(SHARE * len(keys))), set[str]()
        for one in keys:
            rest = [track for track in train if key(track) not in {*held, one}]
            if len(held) < count and needed <= {name for track in rest for name in track.stems}:
                held.add(one)
        if held:
            return [track for track in train if key(track) in held]
    return []


def _cut(track: Track, seconds: float) -> tuple[Track, Track]:
    """A track's beginning, and its end to validate on: a tenth, or a mixture, at most a half."""
    length = min(max(SHARE * track.frames, seconds * track.rate), track.frames / 2)
    frames = track.frames - round(length)
    end = replace(track, split="valid", first=track.first + frames, frames=track.frames - frames)
    return replace(track, frames=frames), end


def _told(tracks: Sequence[Track]) -> str:
    more = f" and {len(tracks) - NAMED} more" if len(tracks) > NAMED else ""
    return ", ".join(f"'{track.name}'" for track in tracks[:NAMED]) + more


def _shuffled(text: str) -> bytes:
    """A key whose order is random and always the same."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
