"""What an instrument may be called, and how names are compared."""

from __future__ import annotations

import re
from typing import Annotated

import pydantic

from timbresep.errors import ConfigError

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
RESERVED = ("all", "residual")  # words of `-i` and of output files


def plain(name: str) -> str:
    """A name as it is compared: lower case, with underscores for spaces and hyphens."""
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def check_name(name: str, what: str) -> None:
    """Refuse what cannot be an instrument's name, such as a path.

    Raises:
        ConfigError: says so of `what`.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        raise ConfigError(
            f"{what}: '{name}' is no name of an instrument",
            "use lower-case letters, digits and underscores, such as alto_flute",
        )


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"'{name}' is reserved")
    return name


InstrumentName = Annotated[
    str, pydantic.Field(pattern=f"^{NAME.pattern}$"), pydantic.AfterValidator(_not_reserved)
]
Alias = Annotated[str, pydantic.AfterValidator(plain), pydantic.AfterValidator(_not_reserved)]
