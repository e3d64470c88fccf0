"""Ogg: its pages are walked, to know every stream of a chain and whether the last page is there."""

from __future__ import annotations

from pathlib import Path

from timbresep.audio.reading.pieces import Data
from timbresep.audio.reading.plan import Plan
from timbresep.errors import AudioError

_FIRST, _LAST = 2, 4  # flags of a page


def plan(data: Data, path: Path, start: int) -> Plan:
    """Find the streams that follow one another (a chain); libsndfile reads the first of a file.

    Raises:
        AudioError: the file ends before its last page does.
    """
    stop, at = len(data), start
    links: list[tuple[int, int]] = []
    begin, heads, open_streams = start, True, 0
    while at + 27 <= stop:
        if data[at : at + 4] != b"OggS":  # damaged, or something behind the end
            if (found := data.find(b"OggS", at)) < 0:
                break
            at = found
            continue
        flags, count = data[at + 5], data[at + 26]
        table = data[at + 27 : at + 27 + count]
        size = 27 + count + sum(table)
        if flags & _FIRST and not heads:  # streams that play together begin together
            links.append((begin, at - begin))
            begin, open_streams = at, 0
        heads = bool(flags & _FIRST)
        if len(table) < count or at + size > stop:
            break
        open_streams += heads - bool(flags & _LAST)
        at += size
    cut = at < stop and data[at : at + 4] in (b"OggS", b"OggS"[: stop - at])
    if cut or open_streams > 0:
        raise AudioError(
            f"{path}: cut short; its last page is missing",
            hint="get a whole copy, or save it again to accept the part that is there",
        )
    links.append((begin, at - begin))
    if len(links) == 1 and start == 0:
        return Plan(name="Ogg")
    note = (f"{path}: {len(links)} streams one after the other were read as one",)
    return Plan(tuple((link,) for link in links), name="Ogg", notes=note if links[1:] else ())
