"""Audio files in, audio files out, and resampling; `files` is the way in.

`reading` looks into a file before it is decoded; `writer` writes one whole or not at all.
"""

from timbresep.audio.files import (
    MP3_FRAME,
    AudioInfo,
    check_finite,
    info,
    read,
    read_blocks,
    resample,
    resampled_length,
    write,
)

__all__ = [
    "MP3_FRAME",
    "AudioInfo",
    "check_finite",
    "info",
    "read",
    "read_blocks",
    "resample",
    "resampled_length",
    "write",
]
