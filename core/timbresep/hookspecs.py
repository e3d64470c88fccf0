"""The hooks a plugin can implement: `from timbresep.hookspecs import hookimpl`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from timbresep.errors import ConfigError, MissingToolError, nearest

if TYPE_CHECKING:
    from timbresep.backbone import Answer, Backbone
    from timbresep.source_model import SourceModel

PROJECT = "timbresep"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Argument = int | float | bool | str
"""What an argument of a backbone can be: a value that metadata can hold."""

Fetched = Callable[[int, int], None]
"""Called with the bytes that are there, and the bytes in all."""


@dataclass(frozen=True)
class BackboneSpec:
    """A conditioned network on offer.

    Attributes:
        name: what `--backbone` and checkpoints call it.
        summary: one line for `list`.
        build: ``build(condition_dim, **arguments) -> Backbone``; it imports torch when called,
            so that listing stays instant.
        defaults: its arguments and their default values.
        renamed: former name → today's, of arguments and of the network's modules, so that
            checkpoints with former names still load.
        packages: importable module → what `pip install` takes to have it.
        answers: what the network gives for each instrument: `audio`, or `notes`
            (`timbresep.transcriber.Transcriber`).
    """

    name: str
    summary: str
    build: Callable[..., Backbone]
    defaults: Mapping[str, Argument]
    renamed: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    answers: Answer = "audio"

    def missing(self) -> str:
        """What it lacks, and how to get it, in one line; empty if it is ready."""
        return missing_packages(self.packages)

    def current_arguments(self, arguments: Mapping[str, Argument]) -> dict[str, Argument]:
        """The arguments in a checkpoint, by today's names."""
        return {self.renamed.get(name, name): value for name, value in arguments.items()}

    def current_weight(self, name: str) -> str:
        """A weight of a checkpoint, by today's name of the module that holds it."""
        module, dot, rest = name.partition(".")
        return f"{self.renamed.get(module, module)}{dot}{rest}"

    def make(self, condition_dim: int, arguments: Mapping[str, Argument]) -> Backbone:
        """Build the network, after a check of its arguments.

        Args:
            condition_dim: length of a condition vector.
            arguments: name → value, of the type of its default; `build` knows what others are.

        Raises:
            MissingToolError: a package is missing.
            ConfigError: no such argument, a value of another type, or one that `build` refuses.
        """
        if lacks := self.missing():
            raise MissingToolError(f"backbone '{self.name}' {lacks}")
        for name, value in arguments.items():
            if name not in self.defaults:
                raise ConfigError(
                    f"backbone '{self.name}' has no argument '{name}'", nearest(name, self.defaults)
                )
            kind = type(self.defaults[name])
            whole = kind is float and type(value) is int
            if type(value) is not kind and not whole:
                raise ConfigError(
                    f"backbone '{self.name}': {name} is {value!r}, not of the kind of "
                    f"{self.defaults[name]!r}"
                )
        try:
            return self.build(condition_dim, **arguments)
        except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError) as error:
            reason = str(error).split("\n")[0]
            raise ConfigError(
                f"backbone '{self.name}' does not take its arguments: {reason}"
            ) from error


def missing_packages(packages: Mapping[str, str]) -> str:
    """What to install, in one line; empty if everything is there.

    Args:
        packages: importable module → what `pip install` takes to have it.
    """
    lacking = [package for module, package in packages.items() if find_spec(module) is None]
    return f"needs `pip install {' '.join(lacking)}`" if lacking else ""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class SourceModelSpec:
    """A pretrained network on offer that separates fixed sources.

    Attributes:
        name: what `models` and `registry.yaml` call it.
        summary: one line for `list`.
        sources: names of what it gives, in its order.
        sample_rate: of the waveforms it works on, in Hz.
        licence: terms of its weights, in one line.
        size: bytes to fetch.
        fetch: ``fetch(path, report)`` gets its weights, checks that they are those that were
            published, writes them to `path` as safetensors, and tells `report` how far it is.
            `path` is a temporary file: it gets its name once its hash is checked and it loads.
        load: ``load(path) -> SourceModel`` builds the network from a file of weights; it imports
            torch when called, so that listing stays instant.
        rest: the source that holds whatever none of the others is for.
        packages: importable module → what `pip install` takes to have it.
        at_hand: whether `fetch` needs no internet, because an installed package holds the weights.
        sha256: of the file that `fetch` writes, in hexadecimal; empty: not known.
    """

    name: str
    summary: str
    sources: tuple[str, ...]
    sample_rate: int
    licence: str
    size: int
    fetch: Callable[[Path, Fetched], None]
    load: Callable[[Path], SourceModel]
    rest: str = "other"
    packages: Mapping[str, str] = field(default_factory=dict)
    at_hand: Callable[[], bool] = _never
    sha256: str = ""


@hookspec
def timbresep_instruments() -> Iterable[Path]:  # type: ignore[empty-body]
    """Return the folders of the instruments this plugin brings, each with an instrument.yaml."""


@hookspec
def timbresep_backbones() -> Iterable[BackboneSpec]:  # type: ignore[empty-body]
    """Return the backbones this plugin brings."""


@hookspec
def timbresep_source_models() -> Iterable[SourceModelSpec]:  # type: ignore[empty-body]
    """Return the source models this plugin brings."""


@hookspec
def timbresep_step(step: int, scalars: Mapping[str, float]) -> None:
    """Observe training: called with named scalars whenever the trainer logs."""
