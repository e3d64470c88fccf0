"""What the parts of scores are called: "2nd Oboes", "Corno in Mi♭ I", "Vla. solo"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator

from timbresep.instrument_name import NAME, RESERVED

_ASIDE = re.compile(r"\(.*?\)|\[.*?\]")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_ROMAN = re.compile(r"[ivx]{1,4}")
_IN_KEY = ("in", "en")
_OTHERS = re.compile(r"[/,&+]")
_QUALIFIERS = frozenset(
    """solo soli tutti section ensemble left right hand lh rh upper lower part no nr st nd rd th
    first second third primo secondo terzo prima seconda div ripieno obbligato principale
    """.split()  # noqa: SIM905 — words, as one reads them
)
_LONGEST = 44
"""Letters of a stem's name, which leaves room for a number."""


def words(name: str) -> tuple[str, ...]:
    """The words of a name as they are compared: small letters without accents, and numbers."""
    letters = unicodedata.normalize("NFKD", _ASIDE.sub(" ", name).casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return tuple(_WORD.findall(plain))


def bare(name: str) -> tuple[str, ...]:
    """The words of a part's name that say what plays: without its number, key or place."""
    found = _without_number(words(name))
    while found and _qualifies(found[0]):
        found = found[1:]
    return found or words(name)


def _without_number(found: tuple[str, ...]) -> tuple[str, ...]:
    """Words without what follows the instrument: its key, the number of its player."""
    for word in _IN_KEY:
        if word in found[1:]:
            found = found[: found.index(word, 1)]
    while found and _qualifies(found[-1]):
        found = found[:-1]
    return found


def _qualifies(word: str) -> bool:
    return (
        word.isdigit()
        or len(word) == 1
        or word in _QUALIFIERS
        or _ROMAN.fullmatch(word) is not None
    )


def match(name: str, known: Container[str]) -> str | None:
    """What of `known` a part's name ends in, the longest first.

    A name says what plays with its last words (an alto recorder is a recorder), so one at its
    beginning is no match (an organ pedal is no organ). Number does not matter: one or several.

    Args:
        name: of the part.
        known: names as `joined` gives them.
    """
    for text in (name, _OTHERS.split(name)[0]):
        found = _without_number(words(text))
        for k in range(len(found)):
            for spelled in _numbers("".join(found[k:])):
                if spelled in known:
                    return spelled
    return None


def joined(name: str) -> str:
    """A name as `match` compares it, without spaces."""
    return "".join(words(name))


def _numbers(text: str) -> Iterator[str]:
    """A word as it is, in the plural and in the singular."""
    yield text
    yield f"{text}s"
    if len(text) > 3:
        yield text.removesuffix("s")


def own_name(name: str) -> str:
    """A part's name made a valid name of an instrument; `part` where nothing of it can serve."""
    ascii_words = [word for word in bare(name) if word.isascii()]
    text = re.sub(r"^[^a-z]+", "", "_".join(ascii_words))[:_LONGEST].strip("_")
    return text if NAME.fullmatch(text) and text not in RESERVED else "part"
