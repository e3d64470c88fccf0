"""The separators of a registry, resolved: which estimators each is made of."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from timbresep.errors import ConfigError, TimbresepError, UnknownNameError, nearest
from timbresep.hookspecs import SourceModelSpec
from timbresep.registry.catalogue import NOT_READY, PluginRow
from timbresep.registry.config import ListedSeparator, Preset, RegistryConfig
from timbresep.registry.pretrained import check_kept, missing

NO_TRANSCRIBER = "none"
"""In place of a transcriber's name: the network decides alone."""

Find = Callable[[str], SourceModelSpec]


@dataclass(frozen=True)
class Chain:
    """The estimators of a separator.

    Attributes:
        name: what people call it.
        checkpoint: file of the conditioned network, the last of them.
        source_model: what the mixture goes through first, if anything.
        weights: a file with the source model's weights, in place of the fetched ones.
        transcriber: name of the transcriber that is asked beside the network, if any.
    """

    name: str
    checkpoint: Path
    source_model: SourceModelSpec | None = None
    weights: Path | None = None
    transcriber: str | None = None

    def beside(self, transcriber: str | None) -> Chain:
        """The same with another transcriber by name, "none" for none; None changes nothing."""
        if transcriber is None:
            return self
        return replace(self, transcriber=None if transcriber == NO_TRANSCRIBER else transcriber)

    @property
    def missing(self) -> str:
        """What it lacks on this machine, and how to get it; empty if it is ready."""
        return missing(self.source_model, self.weights) if self.source_model else ""

    @property
    def described(self) -> str:
        """Its estimators, in a few words."""
        beside = f" and {self.transcriber}" if self.transcriber else ""
        if self.source_model is None:
            return self.name + beside
        return f"{self.name} ({self.source_model.name}, then {self.checkpoint.stem}{beside})"


@dataclass(frozen=True)
class Chains:
    """The separators that a registry lists.

    Attributes:
        config: the registry file.
        folder: where it lies.
        find: gives a source model by name.
    """

    config: RegistryConfig
    folder: Path
    find: Find

    def get(self, name: str | None = None, checkpoint: Path | None = None) -> Chain:
        """A separator.

        Args:
            name: of a listed one; by default, the first of `default_separators` that is ready, and
                the last if none is.
            checkpoint: file of a network. It is the separator; with the name of a chain, it takes
                the place of the network in it.

        Raises:
            UnknownNameError: no separator, or no source model, of that name.
            ConfigError: a checkpoint beside a separator that is no chain.
            CheckpointError: a file that ships is missing or altered.
        """
        if name is not None:
            return self._listed(name, checkpoint)
        if checkpoint is not None:
            return Chain(checkpoint.name, checkpoint)
        if not self.config.default_separators:
            raise UnknownNameError(
                "no default separator in registry.yaml", "name one with --separator or --checkpoint"
            )
        return self.first_ready(self.config.default_separators)

    def first_ready(self, names: Sequence[str]) -> Chain:
        """The first of some listed separators that is ready, and the last if none is.

        Raises:
            UnknownNameError, CheckpointError: as `get`, of the last one.
        """
        *preferred, last = names
        for each in preferred:
            with contextlib.suppress(TimbresepError):  # `list` says what is wrong with it
                chain = self._listed(each, None)
                if not chain.missing:
                    return chain
        return self._listed(last, None)

    def preset(self, name: str) -> Preset:
        """A preset by name.

        Raises:
            UnknownNameError: there is none of that name.
        """
        if name not in self.config.presets:
            raise UnknownNameError(f"no preset named '{name}'", nearest(name, self.config.presets))
        return self.config.presets[name]

    def plain(self) -> Chain:
        """The first of the default separators that is a network alone.

        Raises:
            UnknownNameError: there is none.
            CheckpointError: its file is missing or altered.
        """
        for name in self.config.default_separators:
            if self._find(name).source_model is None:
                return self._listed(name, None)
        raise UnknownNameError(
            "no default separator in registry.yaml is a network alone",
            "name one with --separator or --checkpoint",
        )

    def better(self, name: str) -> list[Chain]:
        """The chains that are listed after a separator: they are better on songs."""
        names = list(self.config.separators)
        later = names[names.index(name) + 1 :] if name in names else []
        found = []
        for each in later:
            if self.config.separators[each].source_model is None:
                continue
            with contextlib.suppress(TimbresepError):  # `list` says what is wrong with it
                chain = self._listed(each, None)
                _ = chain.missing  # or its plugin fails to say
                found.append(chain)
        return found

    def rows(self) -> list[PluginRow]:
        """A line for each: what it is made of, and what it lacks."""
        return [self._row(name, listed) for name, listed in self.config.separators.items()]

    @property
    def _default(self) -> str | None:
        with contextlib.suppress(TimbresepError):
            return self.get().name
        return None

    def _row(self, name: str, listed: ListedSeparator) -> PluginRow:
        default = "default; " if name == self._default else ""
        if listed.file is not None:
            path = self.folder / listed.file
            status = "ok" if path.is_file() else "broken"
            about = f"{default}{listed.file}" if path.is_file() else f"{path} is missing"
            return PluginRow("separator", name, "bundled", status, about)
        about = f"{default}{listed.source_model}, then {listed.then}"
        try:
            chain = self._listed(name, None)
            lacks = chain.missing
            if chain.source_model and not chain.weights:
                check_kept(chain.source_model)
        except TimbresepError as error:
            return PluginRow("separator", name, "bundled", "broken", str(error))
        status = NOT_READY if lacks else "ok"
        return PluginRow(
            "separator", name, "bundled", status, f"{about}; {lacks}" if lacks else about
        )

    def _listed(self, name: str, checkpoint: Path | None) -> Chain:
        listed = self._find(name)
        if listed.source_model is None:
            if checkpoint is not None:
                raise ConfigError(
                    f"--separator {name} and --checkpoint exclude each other", "give one of them"
                )
            return Chain(name, listed.checked(self.folder, name), transcriber=listed.transcriber)
        then = str(listed.then)
        network = self._find(then)
        if network.source_model is not None:
            raise ConfigError(
                f"separator '{name}' in registry.yaml: '{then}' after 'then' is a chain itself",
                "name a separator that has a file",
            )
        return Chain(
            name,
            checkpoint or network.checked(self.folder, then),
            self.find(listed.source_model),
            self.folder / listed.weights if listed.weights else None,
            None if checkpoint else network.transcriber,
        )

    def _find(self, name: str) -> ListedSeparator:
        if name not in self.config.separators:
            raise UnknownNameError(
                f"no separator named '{name}'", nearest(name, self.config.separators)
            )
        return self.config.separators[name]
