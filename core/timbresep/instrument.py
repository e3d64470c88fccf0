"""Instrument: what an instrument plugin declares. A folder with `instrument.yaml` is enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic

from timbresep.config import Model, PathText, load_json, load_yaml
from timbresep.errors import ConfigError, DataError, PluginError
from timbresep.files import sha256_of
from timbresep.formats.file_name import is_plain
from timbresep.formats.npy import read_vector
from timbresep.instrument_name import Alias, InstrumentName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_DDSP = 1 << 28  # bytes; the largest size that is trained has 24 MB


def _inside(name: str) -> str:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("must name a file in the plugin's folder; this leaves its folder")
    if not path.parts or not all(map(is_plain, path.parts)):
        raise ValueError("must be a name that means the same file on every system")
    return name


def own_file(folder: Path, name: str) -> Path:
    """A file of a plugin, to read or to write: a link that leads out of its folder is refused.

    Args:
        folder: the plugin's.
        name: the file's in it.

    Raises:
        PluginError: it leads elsewhere.
    """
    try:
        inside = (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise PluginError(f"plugin in {folder}: '{name}' is no name of a file") from error
    if not inside:
        raise PluginError(f"plugin in {folder}: '{name}' leaves its folder", "put the file there")
    return folder / name


FileName = Annotated[
    PathText, pydantic.AfterValidator(_inside)
]  # a file in the plugin's own folder
Hertz = Annotated[float, pydantic.Field(ge=1, le=24_000)]
Program = Annotated[int, pydantic.Field(ge=0, le=127)]
Size = Annotated[int, pydantic.Field(gt=0, le=4096)]


class DdspSettings(Model):
    """The `ddsp:` section: the instrument's DDSP autoencoder.

    Attributes:
        file: safetensors file inside the plugin's folder.
        rnn_channels, channels, layers_per_stack, n_harmonics, n_noise: decoder size, used when
            the model is trained (a trained file carries its own).
        reverb_length: samples of its learned reverb, 0 for a dry model; used as the sizes are.
    """

    file: FileName = "ddsp.safetensors"
    rnn_channels: Size = 128
    channels: Size = 128
    layers_per_stack: int = pydantic.Field(default=1, ge=0, le=32)
    n_harmonics: Size = 60
    n_noise: Size = 65
    reverb_length: int = pydantic.Field(default=0, ge=0, le=1_000_000)


class ConditionSettings(Model):
    """The `condition:` section: the vector in `file` and how it was made.

    Attributes:
        conditioner: name of the conditioner.
        file: the vector; a JSON file of the same name says how it was measured
            (`MeasuredCondition`).
    """

    conditioner: Literal["harmonic_distribution"] = "harmonic_distribution"
    file: FileName = "condition.npy"

    @property
    def measured_file(self) -> str:
        """The JSON file beside the vector."""
        return str(Path(self.file).with_suffix(".json"))


class MeasuredCondition(Model):
    """How a condition was measured: the JSON file that `condition build` writes beside the vector.

    Attributes:
        ddsp_sha256: hash of the DDSP model; a condition is only valid for the model it came from.
        version: of the vector's definition, see `timbresep.condition.vector.LAYOUTS`.
        notes: the notes that it was measured on, as MIDI numbers; none for an unpitched instrument.
        measured_on: what played them: with recordings, the vector is the mean of both.
    """

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)

    ddsp_sha256: str = pydantic.Field(pattern=r"^[0-9a-f]{64}$")
    version: int = pydantic.Field(ge=1)
    notes: list[Annotated[float, pydantic.Field(ge=0, le=127)]]
    measured_on: list[str] = ["DDSP model"]


class Licences(Model):
    """Under what terms the plugin's weights and the audio behind them are used.

    Attributes:
        weights: terms of the voice and the condition.
        data: terms of the recordings that they were made from.
    """

    weights: str
    data: list[str]


class InstrumentConfig(Model):
    """What an instrument plugin declares, in `instrument.yaml`.

    Attributes:
        name: what it is asked for by; lower-case letters, digits and underscores.
        aliases: other names for it, also of its stems in datasets.
        f0_range: lowest and highest fundamental in Hz; `null` says that it is unpitched.
        sources: names of the sources that hold it in source models, the most special first: a
            separator looks for it in the first that its source model has.
        programs: General MIDI programs, from 0, that sound as it does: a part of a score whose name
            says nothing is taken for it by them.
        together: names of parts that mean it only beside each other, such as those of a choir's
            voices: they count where two different ones are in a score, also before names.
        sample_rate: of its voice, in Hz.
        ddsp: its voice.
        condition: its condition vector.
        recipe: file that says where its training audio comes from.
        licences: terms of what the plugin holds.
    """

    name: InstrumentName
    aliases: list[Alias] = []
    f0_range: tuple[Hertz, Hertz] | None
    sources: list[InstrumentName] = []
    programs: list[Program] = []
    together: list[Alias] = []
    sample_rate: Literal[16000] = 16000
    ddsp: DdspSettings = DdspSettings()
    condition: ConditionSettings = ConditionSettings()
    recipe: FileName = "recipe.yaml"
    licences: Licences

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> InstrumentConfig:
        if self.f0_range is not None and self.f0_range[0] >= self.f0_range[1]:
            raise ValueError("f0_range must be [lowest, highest] in Hz, or null if unpitched")
        return self


@dataclass(frozen=True)
class Instrument:
    """One instrument as the rest of the system sees it.

    Attributes:
        config: its validated `instrument.yaml`.
        folder: where its files lie.
        owner: who brought it (bundled, a plugin folder or a distribution), for messages.
    """

    config: InstrumentConfig
    folder: Path
    owner: str

    @classmethod
    def from_folder(cls, folder: Path, owner: str) -> Instrument:
        """Read a plugin folder and check that its parts are there.

        Raises:
            ConfigError: `instrument.yaml` is missing or invalid.
            PluginError: a file it names is missing or outside the folder.
        """
        described = own_file(folder, "instrument.yaml")
        instrument = cls(load_yaml(described, InstrumentConfig), folder, owner)
        measured = (instrument.condition_file, instrument.measured_file)
        for path in (instrument.ddsp_file, *measured, instrument.recipe_file):
            if not path.is_file():
                raise PluginError(
                    f"{path} is missing",
                    "train it with `ddsp train`, then `condition build`; "
                    "docs/guides/add-an-instrument.md lists the files",
                )
        return instrument

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        return self.config.name

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names for it, also of its stems in datasets."""
        return tuple(self.config.aliases)

    @property
    def programs(self) -> tuple[int, ...]:
        """General MIDI programs, from 0, that sound as it does."""
        return tuple(self.config.programs)

    @property
    def f0_range(self) -> tuple[float, float] | None:
        """Lowest and highest fundamental in Hz; None for an unpitched instrument."""
        return self.config.f0_range

    @property
    def ddsp_file(self) -> Path:
        """Its DDSP model."""
        return own_file(self.folder, self.config.ddsp.file)

    @property
    def condition_file(self) -> Path:
        """Its condition vector."""
        return own_file(self.folder, self.config.condition.file)

    @property
    def measured_file(self) -> Path:
        """How its condition was measured, as JSON."""
        return own_file(self.folder, self.config.condition.measured_file)

    @property
    def recipe_file(self) -> Path:
        """Its data recipe."""
        return own_file(self.folder, self.config.recipe)

    def verify(self) -> None:
        """Check model and condition, which needs neither NumPy nor torch; errors as `condition`."""
        self._vector()

    def verify_ddsp(self) -> None:
        """Check the DDSP file against the hash of the model that the condition was measured on.

        Raises:
            PluginError: it cannot be read; or it was cut or replaced, so the stored condition is
                not its own.
        """
        expected = self.measured().ddsp_sha256
        try:
            if self.ddsp_file.stat().st_size > LARGEST_DDSP:
                raise PluginError(
                    f"plugin '{self.name}': {self.ddsp_file} is too large for a DDSP model",
                    f"at most {LARGEST_DDSP >> 20} MiB",
                )
            found = sha256_of(self.ddsp_file)
        except OSError as error:
            raise PluginError(
                f"plugin '{self.name}': cannot read {self.ddsp_file}: {error.strerror}"
            ) from error
        if found != expected:
            raise PluginError(
                f"plugin '{self.name}': {self.ddsp_file} does not match its sha256 in "
                f"{self.measured_file.name} (file {found[:12]}…, expected {expected[:12]}…)",
                f"restore the file, or measure it again with `condition build {self.folder}`",
            )

    def measured(self) -> MeasuredCondition:
        """How its condition was measured.

        Raises:
            PluginError: the file that says so cannot be read, or does not say it.
        """
        try:
            return load_json(self.measured_file, MeasuredCondition)
        except ConfigError as error:
            raise PluginError(
                f"plugin '{self.name}': {error}", f"rebuild it with `condition build {self.name}`"
            ) from error

    def condition(self) -> NDArray[np.float32]:
        """The instrument's condition vector, shape ``(dim,)``.

        Raises:
            PluginError: not a finite one-dimensional float vector, or not measured on the DDSP
                model that is there.
        """
        import numpy as np

        return np.array(self._vector(), dtype=np.float32)

    def _vector(self) -> list[float]:
        """The values of `condition`."""
        self.verify_ddsp()
        try:
            return read_vector(self.condition_file)
        except DataError as error:
            raise PluginError(
                f"plugin '{self.name}': {error}", f"rebuild it with `condition build {self.name}`"
            ) from error
