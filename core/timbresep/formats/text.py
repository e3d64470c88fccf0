"""Text from any source on a screen: names of files, licences, summaries."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f"  # C0 and C1 controls: ESC begins what a terminal obeys
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # reorder the text around them
    r"\u2028\u2029"  # begin a line
    r"\u00ad\u200b\u2060-\u2064\ufeff\U000e0000-\U000e007f"  # are not seen
    r"\ud800-\udfff]"  # lone surrogates, which no encoding can write: bytes of a file's name
)
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def shown(text: object) -> str:
    """Text on one line, with all that a terminal would obey or could not write as an escape.

    Args:
        text: what is shown, by its `str`.

    Returns:
        The same with `\\x1b` for ESC, `\\u202e` for an override, `\\xff` for a byte of a file's
        name that is not UTF-8. A backslash stays: names of files have them.
    """
    return _UNSAFE.sub(_escaped, str(text))


def shown_lines(text: object) -> str:
    """As `shown`, of text on several lines: it keeps these."""
    return "\n".join(shown(line) for line in str(text).split("\n"))


def shown_json(text: str) -> str:
    """JSON that means the same, with what `shown` escapes as escapes of JSON."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _in_json(found[0]), text)


def _in_json(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _escaped(match: re.Match[str]) -> str:
    char, code = match[0], ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that it could not decode
        code -= 0xDC00
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
