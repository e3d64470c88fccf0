"""What an instrument may be called, and how names are compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

import pydantic

from timbresep.errors import ConfigError
from timbresep.formats.file_name import DEVICES
from timbresep.formats.text import shown

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
RESERVED = ("all", "residual")  # words of `-i` and of output files
ALPHABETS = frozenset(("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"))
"""They share letters that look the same."""


def plain(name: str) -> str:
    """A name as it is compared: lower case, with underscores for spaces and hyphens.

    What Unicode calls compatible is the same: full-width letters are those of any name.
    """
    return re.sub(r"[\s\-]+", "_", unicodedata.normalize("NFKC", name).strip().lower())


def check_name(name: str, what: str) -> None:
    """Refuse what cannot be an instrument's name, such as a path.

    Raises:
        ConfigError: says so of `what`.
    """
    if not NAME.fullmatch(name) or name in RESERVED or DEVICES.fullmatch(name):
        raise ConfigError(
            f"{what}: '{name}' is no name of an instrument",
            "use lower-case letters, digits and underscores, such as alto_flute",
        )


def _not_reserved(name: str) -> str:
    if name in RESERVED or DEVICES.fullmatch(name):
        raise ValueError(f"'{name}' is reserved")
    return name


def _readable(name: str) -> str:
    """An alias may be in any language; it may not look like another name that it is not."""
    if shown(name) != name:
        raise ValueError(f"'{shown(name)}' has characters that are not seen")
    used = {unicodedata.name(letter, "").partition(" ")[0] for letter in name if letter.isalpha()}
    if len(used & ALPHABETS) > 1:
        raise ValueError(f"'{name}' mixes letters of two alphabets")
    return name


InstrumentName = Annotated[
    str, pydantic.Field(pattern=f"^{NAME.pattern}$"), pydantic.AfterValidator(_not_reserved)
]
Alias = Annotated[
    str,
    pydantic.AfterValidator(plain),
    pydantic.AfterValidator(_not_reserved),
    pydantic.AfterValidator(_readable),
]
