"""The transcribers that a registry lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from timbresep.errors import ConfigError, UnknownNameError, nearest
from timbresep.registry.catalogue import PluginRow
from timbresep.registry.config import ListedTranscriber, RegistryConfig

WAY_OUT = "name one with --transcriber or --checkpoint"


@dataclass(frozen=True)
class Transcribers:
    """The transcribers on offer.

    Attributes:
        config: the registry file.
        folder: where it lies.
    """

    config: RegistryConfig
    folder: Path

    def get(self, name: str | None = None, checkpoint: Path | None = None) -> Path:
        """The file of a transcriber.

        Args:
            name: of a listed one; by default, `default_transcriber`.
            checkpoint: file of a network in place of a listed one.

        Raises:
            UnknownNameError: no transcriber of that name, or none at all.
            ConfigError: both are given.
            CheckpointError: a file that ships is missing or altered.
        """
        if checkpoint is not None:
            if name is not None:
                raise ConfigError(
                    f"--transcriber {name} and --checkpoint exclude each other", "give one of them"
                )
            return checkpoint
        name = name or self.default
        if not self.config.transcribers:
            raise UnknownNameError("no transcriber is listed in registry.yaml", WAY_OUT)
        if name is None:
            raise UnknownNameError("no default transcriber in registry.yaml", WAY_OUT)
        if name not in self.config.transcribers:
            raise UnknownNameError(
                f"no transcriber named '{name}'", nearest(name, self.config.transcribers)
            )
        return self.config.transcribers[name].checked(self.folder, name)

    @property
    def default(self) -> str | None:
        """Name of the one that is used by default."""
        return self.config.default_transcriber

    def rows(self) -> list[PluginRow]:
        """A line for each."""
        return [self._row(name, listed) for name, listed in self.config.transcribers.items()]

    def _row(self, name: str, listed: ListedTranscriber) -> PluginRow:
        path = self.folder / listed.file
        if not path.is_file():
            return PluginRow("transcriber", name, "bundled", "broken", f"{path} is missing")
        default = "default; " if name == self.default else ""
        return PluginRow("transcriber", name, "bundled", "ok", f"{default}{listed.file}")
