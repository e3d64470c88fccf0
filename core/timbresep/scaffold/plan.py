"""What a new plugin is called, and where its files go."""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Literal

from timbresep import __version__
from timbresep.errors import ConfigError
from timbresep.instrument_name import NAME

Kind = Literal["instrument", "backbone", "transcriber", "source_model"]

GROUPS: Mapping[Kind, str] = {
    "instrument": "timbresep.instruments",
    "backbone": "timbresep.backbones",
    "transcriber": "timbresep.backbones",
    "source_model": "timbresep.source_models",
}
"""Kind → the entry point group that its packages use."""

WORDS: Mapping[Kind, str] = {
    "instrument": "instrument",
    "backbone": "backbone",
    "transcriber": "transcriber",
    "source_model": "source model",
}
"""Kind → what people call it."""


@dataclass(frozen=True)
class Plan:
    """A plugin that is to be made.

    Attributes:
        kind: of plugin.
        name: what it is asked for by.
        package: make a package that pip installs, and not only the plugin's folder.
        licence: terms of the recordings or weights.
    """

    kind: Kind
    name: str
    package: bool = False
    licence: str = "not stated"

    @property
    def distribution(self) -> str:
        """Name of its package."""
        return f"timbresep-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        """What Python imports it as."""
        return f"timbresep_{self.name}" if self.package else self.name

    @property
    def top(self) -> str:
        """Name of the folder that is made."""
        return self.distribution if self.package else self.name

    @property
    def inside(self) -> PurePosixPath:
        """Where the plugin's own folder lies in the one that is made."""
        return PurePosixPath("src", self.module) if self.package else PurePosixPath()

    @property
    def shelf(self) -> str:
        """The folder of its templates; an instrument is Python only as a package."""
        return "instrument_package" if self.package and not self.has_code else self.kind

    @property
    def a_kind(self) -> str:
        """What people call its kind, with the article."""
        return f"{'a' if self.has_code else 'an'} {WORDS[self.kind]}"

    @property
    def has_code(self) -> bool:
        """Whether it is Python."""
        return self.kind != "instrument"

    @property
    def words(self) -> dict[str, str]:
        """What the templates' places are filled with."""
        return {
            "name": self.name,
            "kind": WORDS[self.kind],
            "a_kind": self.a_kind,
            "group": GROUPS[self.kind],
            "distribution": self.distribution,
            "module": self.module,
            "plugin": f"from {self.module} import SPEC" if self.package else "from . import SPEC",
            "folder": (
                f"Path({self.module}.__file__).parent" if self.package else "Path(__file__).parent"
            ),
            "imported": f"\nimport {self.module}\n" if self.package else "",
            "licence": self.licence,
            "licence_literal": json.dumps(self.licence, ensure_ascii=False),
            "version": __version__,
        }

    def check(self) -> None:
        """Refuse a name that cannot be a plugin's, or that hides a package of Python's.

        Raises:
            ConfigError: says why.
        """
        if not NAME.fullmatch(self.name) or keyword.iskeyword(self.name):
            raise ConfigError(
                f"'{self.name}' is no name of {self.a_kind}",
                "use lower-case letters, digits and underscores, such as my_own",
            )
        if not self.licence.isprintable():
            raise ConfigError("--licence has characters that cannot be printed", "give one line")
        if self.has_code and not self.package and find_spec(self.name) is not None:
            raise ConfigError(
                f"'{self.name}' is the name of a Python package that is installed",
                "choose another",
            )
