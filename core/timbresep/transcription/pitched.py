"""Which instruments there are notes of."""

from __future__ import annotations

from collections.abc import Iterable

from timbresep.errors import ConfigError
from timbresep.instrument import Instrument


def pitched(names: Iterable[str], instruments: Iterable[Instrument]) -> list[str]:
    """Those names that do not belong to an instrument without pitch.

    Raises:
        ConfigError: there is none.
    """
    asked = list(names)
    without = {one.name for one in instruments if one.f0_range is None}
    found = [name for name in asked if name not in without]
    if not found:
        raise ConfigError(
            f"{', '.join(asked)}: without pitch, there are no notes to write down",
            "name an instrument that has a pitch",
        )
    return found
