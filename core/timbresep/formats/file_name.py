"""Names of files from others: only such as mean the same file on every system."""

from __future__ import annotations

import re
import unicodedata

from timbresep.formats.text import shown

DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9¹²³]", re.IGNORECASE)
"""Names that Windows keeps for itself, whatever their ending."""

_SIGNS = frozenset('<>:"/\\|?*')
"""What separates folders, drives and streams of a file there, or stands for other letters."""


def is_plain(name: str) -> bool:
    """Whether a name, without folders, means one and the same file everywhere.

    Windows drops dots and spaces at the end, and knows devices; a colon names a drive or a stream
    of a file. What Unicode calls compatible, such as a full-width dot, some systems take for the
    same.
    """
    return bool(
        name.strip(". ")
        and name == name.strip(" ").rstrip(".")
        and not _SIGNS & set(name)
        and not DEVICES.fullmatch(name.partition(".")[0].rstrip())
        and shown(name) == name == unicodedata.normalize("NFKC", name)
    )
