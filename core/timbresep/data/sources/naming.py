"""What datasets call instruments and pieces, and what they are called here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Naming:
    """The words that datasets have for instruments.

    Args:
        names: name, alias or label → instrument; compared by `normalised`.
        numbered: keep the number at the end, so that two players of an instrument stay apart.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    numbered: bool = False

    def __post_init__(self) -> None:
        plain = {normalised(label): name for label, name in self.names.items()}
        object.__setattr__(self, "names", plain)

    def __call__(self, label: str) -> str:
        """The instrument that a label stands for; without one, the label itself, made plain.

        A number at the end (`… 2`) does not matter to an instrument's name; it is kept (`…_2`)
        where names are numbered.
        """
        name = normalised(label)
        bare = re.sub(r"_?\d+$", "", name)
        found = self.names.get(name)
        if found is None and (found := self.names.get(bare)) and self.numbered:
            return f"{found}_{name.removeprefix(bare).strip('_')}"
        return found or name

    def knows(self, label: str) -> bool:
        """Whether a label stands for an instrument."""
        return self(label) in self.names.values()


def normalised(label: str) -> str:
    """A label as it is compared: lower case, one underscore for all that is no letter or digit,
    and without what is in parentheses."""
    bare = re.sub(r"\(.*?\)", " ", label) if label.strip()[:1] != "(" else label
    return re.sub(r"[\W_]+", "_", bare.lower()).strip("_")


def piece_of(artist_and_title: str) -> str:
    """One key for a piece in all datasets: its letters and digits."""
    return re.sub(r"[\W_]+", "", artist_and_title.lower())
