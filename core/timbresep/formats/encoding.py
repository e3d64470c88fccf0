"""Output that any encoding can take: what it has no character for is spelled in ASCII.

Windows writes cp1252 wherever output is redirected or read by another program.
"""

from __future__ import annotations

import codecs
import io
from typing import TextIO

from timbresep.formats.text import shown

SPELLED = "timbresep.spelled"
_ASCII: dict[str, str] = {
    **dict(zip("→←×·–—−‘’“”＼…", ["->", "<-", "x", ".", *"---''\"\"\\", "..."], strict=True)),
    **dict(zip("▁▂▃▄▅▆▇█", "12345678", strict=True)),  # bars, as their heights
    **dict(zip("─━═╌╍┄┅┈┉╴╶╸╺", "-" * 13, strict=True)),
    **dict(zip("│┃║╎╏┆┇┊┋╵╷╹╻", "|" * 13, strict=True)),
}
_CORNERS = range(0x2500, 0x2580)  # what else lines are drawn with


def make_printable(stream: TextIO | None) -> None:
    """Have a text stream spell what its encoding lacks, instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=SPELLED)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_spell, lacking)), error.end


def _spell(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if ord(character) in _CORNERS:
        return "+"
    return shown(character).encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(SPELLED, _spelled)
