"""What the licences of training audio mean for the weights that learn from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

NON_COMMERCIAL = re.compile(
    r"\bNC\b|non-?\s?commercial|educational use|academic|research (use|purposes) only",
    re.IGNORECASE,
)
SHARE_ALIKE = re.compile(r"\bSA\b|share-?\s?alike", re.IGNORECASE)
UNKNOWN = re.compile(r"^\s*$|\bunknown\b", re.IGNORECASE)


def is_non_commercial(licence: str) -> bool:
    """Whether terms forbid commercial use."""
    return bool(NON_COMMERCIAL.search(licence))


def warnings(ledger: Iterable[Mapping[str, object]]) -> list[str]:
    """Warnings before weights are passed on, a sentence for each kind of terms.

    Args:
        ledger: rows with `sound_source` and `licence`, as a checkpoint carries them.
    """
    rows = [(str(row["sound_source"]), str(row["licence"])) for row in ledger]
    found = (
        (
            "weights that learn from this audio become non-commercial",
            [row for row in rows if is_non_commercial(row[1])],
        ),
        (
            "weights that learn from this audio may have to be shared under its licence",
            [row for row in rows if SHARE_ALIKE.search(row[1])],
        ),
        (
            "the licence of the weights is unknown because that of this audio is",
            [row for row in rows if UNKNOWN.search(row[1])],
        ),
    )
    return [
        f"{meaning}: " + ", ".join(f"{source} ({terms})" for source, terms in kind)
        for meaning, kind in found
        if kind
    ]
