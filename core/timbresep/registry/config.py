"""The shape of `registry.yaml`."""

from __future__ import annotations

from pathlib import Path

import pydantic

from timbresep.config import Amount, Model
from timbresep.errors import CheckpointError
from timbresep.files import sha256_of


class Shelf(Model):
    """Bundled plugins of one kind.

    Attributes:
        folder: where they lie.
        enabled: names of those that are on.
    """

    folder: Path
    enabled: list[str]


class ListedSeparator(Model):
    """A separator on offer: a trained network that ships, or a chain of a source model and one.

    Attributes:
        file: of a network: safetensors checkpoint, relative to the registry file.
        sha256: its hash, checked before use.
        card: its model card.
        transcriber: of a network: the listed transcriber that is asked beside it.
        source_model: of a chain: the source model that the mixture goes through first.
        weights: a file with the weights of the source model, in place of the fetched ones.
        then: the listed network that finds instruments in the sources.
    """

    file: Path | None = None
    sha256: str | None = pydantic.Field(default=None, pattern=r"^[0-9a-f]{64}$")
    card: Path | None = None
    transcriber: str | None = None
    source_model: str | None = None
    weights: Path | None = None
    then: str | None = None

    @pydantic.model_validator(mode="after")
    def _one_kind(self) -> ListedSeparator:
        network = self.file is not None and self.sha256 is not None
        chain = self.source_model is not None and self.then is not None
        of_network = self.file or self.sha256 or self.card or self.transcriber
        mixed = of_network if chain else self.weights or self.then
        if not (network or chain) or mixed:
            raise ValueError("a network has file and sha256, a chain has source_model and then")
        return self

    def checked(self, folder: Path, name: str) -> Path:
        """A network's file, below the registry's folder, once its hash is sure.

        Raises:
            CheckpointError: the file is missing, cannot be read or is altered.
        """
        assert self.file is not None  # noqa: S101 (only networks are asked)
        return _checked(folder / self.file, self.sha256, f"separator '{name}'")


class ListedTranscriber(Model):
    """A transcriber on offer: a trained network that ships.

    Attributes:
        file, sha256, card: as of a separator that is a network.
    """

    file: Path
    sha256: str = pydantic.Field(pattern=r"^[0-9a-f]{64}$")
    card: Path | None = None

    def checked(self, folder: Path, name: str) -> Path:
        """As `ListedSeparator.checked`."""
        return _checked(folder / self.file, self.sha256, f"transcriber '{name}'")


class Preset(Model):
    """What people often want of a separator, under one name.

    Attributes:
        about: it in a sentence, for people.
        separators: listed separators; the first that is ready is used.
        instruments: names, or "all".
        residual: whether what the stems leave of the mixture is written.
        minus_each: whether each instrument gives the mixture without it, in place of its stem.
    """

    about: str
    separators: list[str] = pydantic.Field(min_length=1)
    instruments: list[str] = pydantic.Field(min_length=1)
    residual: bool = False
    minus_each: bool = False


def _checked(path: Path, sha256: str | None, what: str) -> Path:
    try:
        found = sha256_of(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{what}: {path} is missing", "restore the file") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{what}: cannot read {path}: {error}") from error
    if found != sha256:
        raise CheckpointError(
            f"{what}: {path} does not match its sha256 in registry.yaml",
            "it was cut or altered: restore the file",
        )
    return path


class TrainingDefaults(Model):
    """The defaults of `train`.

    Attributes:
        backbone: backbone plugin.
        arguments: arguments of the backbone that differ from its own defaults.
        batch_size: mixtures in a step.
        targets: instruments asked of each mixture.
        seconds: length of a training mixture.
        channels: of a training mixture.
        learning_rate: AdamW's peak learning rate.
        max_steps: optimizer steps.
        validate_every: steps between validations.
        workers: mixing processes.
    """

    backbone: str
    arguments: dict[str, int | float | bool | str] = {}
    batch_size: pydantic.PositiveInt = 8
    targets: pydantic.PositiveInt = 4
    seconds: Amount = 4.0
    channels: pydantic.PositiveInt = 1
    learning_rate: Amount = 1e-3
    max_steps: pydantic.PositiveInt = 20_000
    validate_every: pydantic.PositiveInt = 250
    workers: pydantic.NonNegativeInt = 1


class RegistryConfig(Model):
    """What is bundled, and how `train` trains by default. Paths are relative to the file.

    Attributes:
        instruments, backbones, source_models: the bundled plugins.
        trusted: folders of plugins, or of folders of them, whose Python runs without `--trust`.
        separators: the bundled separators by name, from the quickest to the best on songs.
        default_separators: the first of these that is ready is used by default.
        transcribers: the bundled transcribers by name.
        default_transcriber: name of the one that is used by default.
        presets: by name.
        training: the defaults of `train`.
    """

    instruments: Shelf
    backbones: Shelf
    source_models: Shelf = Shelf(folder=Path("plugins/source_models"), enabled=[])
    trusted: list[Path] = []
    separators: dict[str, ListedSeparator] = {}
    default_separators: list[str] = []
    transcribers: dict[str, ListedTranscriber] = {}
    default_transcriber: str | None = None
    presets: dict[str, Preset] = {}
    training: TrainingDefaults
