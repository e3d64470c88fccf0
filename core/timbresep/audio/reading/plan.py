"""How a file is to be read: the result of looking into it before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from timbresep.audio.reading.pieces import Piece


@dataclass(frozen=True)
class Plan:
    """How a file is to be read.

    Attributes:
        parts: what libsndfile is given, one after the other, each as if it were a file; none for
            the file as it lies there.
        frames: how many frames they hold, where that is known better than libsndfile does.
        slack: frames that a decoder may give fewer than there should be.
        program: decode it with the ffmpeg program instead.
        name: what the file is, in words.
        notes: what was assumed about it, a sentence each.
    """

    parts: tuple[tuple[Piece, ...], ...] = ()
    frames: int | None = None
    slack: int = 0
    program: bool = False
    name: str = ""
    notes: tuple[str, ...] = ()
