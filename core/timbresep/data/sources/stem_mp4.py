"""Streams of STEM files (`.stem.mp4`): the only way to stempeg and ffmpeg.

A file is probed when it is its turn, once for each state that it is in.
"""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.audio import AudioInfo
from timbresep.errors import AudioError, MissingToolError

ENDING = ".stem.mp4"
AAC_FRAME = 1024
WHOLE = 0.99  # share of the streams' bytes that a file must hold: their rates are rounded


def stream_info(path: Path) -> list[AudioInfo]:
    """Rate, channels and length of every stream of a STEM file.

    Raises:
        AudioError: the file is cut or is no STEM file.
        MissingToolError: ffmpeg is not installed.
    """
    _need_ffmpeg()
    try:
        about = path.stat()
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}", "check the path") from error
    return _probe(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=256)
def _probe(path: Path, size: int, changed: int) -> list[AudioInfo]:
    """Ask ffprobe, once for each state of a file."""
    import ffmpeg
    import stempeg

    try:
        about = stempeg.Info(str(path))
        streams = [
            AudioInfo(path, about.sample_rate(k), about.channels(k), about.samples(k))
            for k in range(about.nb_audio_streams)
        ]
        bits = sum(float(s["bit_rate"]) * float(s["duration"]) for s in about.audio_streams)
    except (ffmpeg.Error, KeyError, ValueError) as error:
        raise AudioError(f"{path}: ffprobe cannot read it", "get a whole copy") from error
    if size < WHOLE * bits / 8:
        raise AudioError(
            f"{path}: cut short; it should be {bits / 8e6:.2f} MB and is {size / 1e6:.2f} MB",
            "get a whole copy",
        )
    return streams


def read_stream(
    path: Path, stream: int, start: int = 0, frames: int | None = None
) -> NDArray[np.float32]:
    """Decode one stream of a STEM file, to 16 bits as musdb does.

    Args:
        path: the file.
        stream: number of the stream.
        start: first sample.
        frames: how many samples; None for all that follow.
    Returns:
        (channels, samples); fewer samples only at the end of the stream.
    Raises:
        AudioError: it cannot be decoded, or ends more than one AAC frame early.
        MissingToolError: ffmpeg is not installed.
    """
    streams = stream_info(path)
    import stempeg  # stops where there is no ffmpeg

    if stream >= len(streams):
        raise AudioError(f"{path}: has {len(streams)} streams, not {stream}")
    about = streams[stream]
    wanted = min(about.frames - start, about.frames if frames is None else frames)
    wave, _ = stempeg.read_stems(
        str(path),
        start=start / about.rate if start else None,
        duration=None if frames is None else frames / about.rate,
        stem_id=stream,
        dtype=np.float32,
        ffmpeg_format="s16le",
    )
    wave = np.ascontiguousarray(np.reshape(wave, (-1, about.channels)).T)  # (channels, samples)
    if wave.shape[1] < wanted - AAC_FRAME:
        raise AudioError(
            f"{path}: stream {stream} ends at {(start + wave.shape[1]) / about.rate:.1f}"
            f" s of {about.duration:.1f} s",
            "get a whole copy",
        )
    return wave[:, :wanted]


def _need_ffmpeg() -> None:
    for program in ("ffmpeg", "ffprobe"):
        if shutil.which(program) is None:
            raise MissingToolError(
                f"reading {ENDING} needs the program {program}",
                "install ffmpeg (apt install ffmpeg), or use MUSDB18-HQ, which is WAV",
            )
