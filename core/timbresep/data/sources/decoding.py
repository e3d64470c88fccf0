"""All audio of a dataset decoded to its end: what a header cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from timbresep import audio
from timbresep.data.reader import check_level
from timbresep.data.sources.listing import Listing
from timbresep.data.sources.raw_track import Problem
from timbresep.data.sources.recording import Recording, read_recording
from timbresep.errors import AudioError
from timbresep.running.progress import CountDone

SHOWN = 5


def decode(
    listing: Listing, workers: int, progress: CountDone | None = None
) -> tuple[int, list[str]]:
    """Decode every recording of a dataset's tracks; what cannot be is added to its problems.

    Args:
        listing: the dataset. Its tracks stay: training skips such stems where it meets them.
        workers: recordings at a time.
        progress: called with how many of how many recordings are decoded.
    Returns:
        How many cannot be decoded, and what came out in lines, none when every stem is whole and
        sounds.
    """
    recordings = [
        (track.raw.name, recording)
        for track in listing.tracks
        for several in track.raw.stems.values()
        for recording in several
    ]
    damaged, silent = 0, list[str]()
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda item: _fault(item[1]), recordings)
        for done, ((track, recording), fault) in enumerate(
            zip(recordings, found, strict=True), start=1
        ):
            if fault is None:
                silent.append(str(recording.path))
            elif fault:
                damaged += 1
                listing.problems.append(Problem(track, fault, skipped=False))
            if progress is not None:
                progress(done, len(recordings))
    said = []
    if damaged:
        said.append(
            f"{listing.source}: {damaged} of {len(recordings)} stems cannot be decoded to "
            "their end; training skips them wherever they cannot be read"
        )
    if silent:
        more = f" and {len(silent) - SHOWN} more" if len(silent) > SHOWN else ""
        said.append(f"{listing.source}: silent stems: {', '.join(silent[:SHOWN])}{more}")
    return damaged, said


def _fault(recording: Recording) -> str | None:
    """Why a recording cannot be decoded to its end; empty when it can, None when it is silent."""
    sounds = False
    try:
        for block in _blocks(recording):
            check_level(block, recording.path)
            sounds = sounds or bool(block.any())
    except AudioError as error:
        return str(error)
    return "" if sounds else None


def _blocks(recording: Recording) -> Iterator[NDArray[np.float32]]:
    if recording.stream is None:
        return audio.read_blocks(recording.path)
    return iter([read_recording(recording)])
