"""A catalogue of plugins of one kind; a name that is claimed twice cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from timbresep.errors import (
    MissingToolError,
    PluginError,
    TimbresepError,
    UnknownNameError,
    nearest,
)
from timbresep.hookspecs import BackboneSpec, SourceModelSpec
from timbresep.instrument import Instrument

NOT_READY = "not ready"
"""Something to get is missing: `detail` says how to get it."""


@dataclass(frozen=True)
class PluginRow:
    """One line of `list`: `status` is "ok", "broken", "not run" or `NOT_READY`; `detail` says why
    or what."""

    kind: str
    name: str
    owner: str
    status: str
    detail: str


@contextmanager
def isolated(rows: list[PluginRow], kind: str, name: str, owner: str) -> Iterator[None]:
    """Turn any error of a plugin into a broken row, added to `rows`, with the reason."""
    try:
        yield
    except (Exception, SystemExit) as error:  # noqa: BLE001 — a plugin's code may raise anything
        rows.append(PluginRow(kind, name, owner, "broken", reason(error)))


def reason(error: Exception | SystemExit) -> str:
    """Why a plugin is broken, in words."""
    if isinstance(error, TimbresepError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot read {error.filename or 'it'}: {error.strerror}"
    return f"{type(error).__name__}: {error}"


Item = TypeVar("Item", Instrument, BackboneSpec, SourceModelSpec)


@dataclass
class Catalogue(Generic[Item]):
    """Everything of one kind (`kind` is the word for messages), by name."""

    kind: str
    items: dict[str, tuple[str, Item]] = field(default_factory=dict)  # name → (owner, item)
    clashes: dict[str, list[str]] = field(default_factory=dict)  # name → owners

    def add(self, name: str, owner: str, item: Item) -> None:
        """Take in what `owner` calls `name`."""
        if name in self.clashes:
            self.clashes[name].append(owner)
        elif name in self.items:
            self.clashes[name] = [self.items.pop(name)[0], owner]
        else:
            self.items[name] = (owner, item)

    def get(self, name: str) -> Item:
        """The item of that name.

        Raises:
            UnknownNameError: no plugin has it (suggests the nearest).
            PluginError: several plugins have it (names them all).
        """
        if name in self.clashes:
            owners = " and ".join(self.clashes[name])
            raise PluginError(
                f"{self.kind} '{name}' is defined twice: by {owners}",
                "rename or disable one of them",
            )
        if name not in self.items:
            raise UnknownNameError(f"no {self.kind} named '{name}'", nearest(name, self.items))
        return self.items[name][1]

    def rows(self, detail: Callable[[Item], str]) -> Iterator[PluginRow]:
        """A line for each item and each clash."""
        for name, (owner, item) in self.items.items():
            try:
                yield PluginRow(self.kind, name, owner, "ok", detail(item))
            except MissingToolError as error:
                yield PluginRow(self.kind, name, owner, NOT_READY, str(error))
            except TimbresepError as error:
                yield PluginRow(self.kind, name, owner, "broken", str(error))
        for name, owners in self.clashes.items():
            reason = "defined twice: by " + " and ".join(owners)
            for owner in owners:
                yield PluginRow(self.kind, name, owner, "broken", reason)
