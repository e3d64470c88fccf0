"""One recording of a dataset, an audio file or a stream of one: its header and its samples."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep import audio
from timbresep.audio import AudioInfo
from timbresep.data.sources import stem_mp4
from timbresep.errors import AudioError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """One recording: an audio file, or one stream of a file that holds several."""

    path: Path
    stream: int | None = None


def recording_info(recording: Recording) -> AudioInfo:
    """Rate, channels and length of a recording.

    Raises:
        AudioError: it is not readable audio.
    """
    if recording.stream is None:
        about = audio.info(recording.path)
        for note in about.notes:
            log.warning(note)
        return about
    streams = stem_mp4.stream_info(recording.path)
    if recording.stream >= len(streams):
        raise AudioError(
            f"{recording.path}: has {len(streams)} streams, not {recording.stream + 1} or more",
            "get a whole copy",
        )
    return streams[recording.stream]


def read_recording(
    recording: Recording, start: int = 0, frames: int | None = None
) -> NDArray[np.float32]:
    """Samples of a recording, (channels, samples); errors as `timbresep.audio.read`."""
    if recording.stream is not None:
        return stem_mp4.read_stream(recording.path, recording.stream, start, frames)
    return audio.read(recording.path, start, -1 if frames is None else frames)[0]


def read_sum(
    recordings: Sequence[Recording], start: int, frames: int, channels: int
) -> NDArray[np.float32]:
    """The sum of recordings, (channels, frames); silence follows where one has ended."""
    total = np.zeros((channels, frames), dtype=np.float32)
    for recording in recordings:
        available = min(frames, recording_info(recording).frames - start)
        if available > 0:
            wave = read_recording(recording, start, available)
            total[:, : wave.shape[1]] += wave  # mono is spread over both channels
    return total
