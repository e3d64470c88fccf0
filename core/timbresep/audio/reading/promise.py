"""What a header promises against what a file holds: a cut file, or a wrong header."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from timbresep.errors import AudioError

SLACK = 128
"""Bytes by which programs miscount: their own header (44 to 80 bytes), a pad byte, a tag."""


@dataclass(frozen=True)
class Extent:
    """Where audio lies in a file, in bytes, and what was assumed about that."""

    begin: int
    length: int
    note: str = ""


def unknown(promised: int) -> bool:
    """Whether a size near 2³¹, 2³² or 2⁶³ is how a program says that it did not know it."""
    return (
        2**31 - 2**16 <= promised <= 2**31 or 2**32 - 2**16 <= promised < 2**32 or promised >= 2**62
    )


def whole(path: Path, begin: int, promised: int, stop: int) -> Extent:
    """The audio from ``begin`` on, of which ``promised`` bytes should be there.

    Args:
        path: to name it in messages.
        begin: first byte.
        promised: bytes, as the header says; 0 or a `unknown` number for as many as there are.
        stop: where the file ends.

    Raises:
        AudioError: bytes are missing.
    """
    held = max(0, stop - begin)
    if promised == 0 or unknown(promised):
        note = "its header does not tell its length; all of it was read" if held else ""
        return Extent(begin, held, note and f"{path}: {note}")
    if promised > held + SLACK:
        raise AudioError(
            f"{path}: cut short; its header promises {promised:,} bytes of audio, "
            f"it holds {held:,}",
            hint="get a whole copy, or save it again to accept the part that is there",
        )
    note = f"{path}: its header promises {promised - held} bytes more than it holds"
    return Extent(begin, min(promised, held), note if promised > held + 1 else "")


def among_chunks(
    path: Path,
    begin: int,
    promised: int,
    stop: int,
    *,
    outer: int | None,
    follows: Callable[[int], bool],
) -> Extent:
    """As `whole`, in a format whose header has 32 bits for sizes and chunks may follow the audio.

    Args:
        path, begin, promised, stop: as `whole`.
        outer: where the format's outer size says that everything ends; None if it doesn't.
        follows: whether what lies at a byte may follow audio: chunks up to the end, or the end.
    """
    if promised == 0 and begin < stop and follows(begin):
        return Extent(begin, 0)
    found = whole(path, begin, promised, stop)
    end = begin + found.length
    if found.note or promised > stop - begin or follows(end):
        return found
    if beyond := (stop - end) // 2**32:
        note = "its size passed 4 GiB, more than its header can tell; all of it was read"
        return Extent(begin, found.length + beyond * 2**32, f"{path}: {note}")
    for shift in sorted(range(-min(SLACK, found.length), SLACK + 1), key=abs):
        if end + shift + 8 <= stop and follows(end + shift):
            note = f"its header is {abs(shift)} bytes wrong about its length"
            return Extent(begin, found.length + shift, f"{path}: {note}")
    if outer is not None and end < outer <= stop + SLACK:
        length = min(outer, stop) - begin
        note = f"its header tells two lengths; the longer one was read, {length:,} bytes"
        return Extent(begin, length, f"{path}: {note}")
    return left_over(path, found, stop)


def left_over(path: Path, found: Extent, stop: int) -> Extent:
    """The same extent, with a note on bytes behind the audio that were not read."""
    after = stop - found.begin - found.length
    if after <= SLACK or found.note:
        return found
    note = f"{path}: {after:,} bytes after the end of its audio were left out"
    return Extent(found.begin, found.length, note)
