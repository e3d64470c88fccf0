"""Checkpoints: one safetensors file holds weights, every instrument's condition and metadata.

Separation needs nothing else. Files load strictly, and nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_bytes
from torch import Tensor

from timbresep import __version__
from timbresep.adaptation import adapted_network, addressed, plain_network
from timbresep.backbone import Backbone
from timbresep.config import Model, parse
from timbresep.errors import CheckpointError, ConfigError, OutputExistsError
from timbresep.files import sha256_of, write_bytes
from timbresep.formats.rebuild import load_strictly, no_larger_than
from timbresep.formats.tensor_file import read_json, read_tensors
from timbresep.hookspecs import BackboneSpec
from timbresep.instrument_name import InstrumentName

FORMAT = 1
KEY = "timbresep"  # metadata key of the safetensors header
CONDITIONS = "conditions"
WEIGHTS = "model."

Conditioning = Literal["harmonic", "onehot", "learned", "none"]
"""What conditions are: plugins' harmonic distributions, or labels that stand for an instrument."""


class Metadata(Model):
    """What a checkpoint says about itself.

    Attributes:
        format: version of this file's layout.
        code_version: version of timbresep that wrote it.
        backbone: name of the network's plugin.
        arguments: what rebuilds the network exactly.
        instruments: names, in the order of the stored conditions.
        condition_version: version of the condition vectors' definition.
        conditioning: what the conditions are; only a separator with `harmonic` ones can be asked
            for an instrument that it was not trained on.
        hold_out: instruments that were kept from being targets, to be asked for without training.
        adapted: instruments with FiLM modulations of their own, in the order of these.
        rivals: instruments that take part in joint masking (`timbresep.joint_mask`); `null`: all.
            Adaptation leaves them as they are.
        sample_rate: of the network, in Hz.
        channels: of the network.
        ledger: each data source with its licence and how much of it was used.
        training: command, seed, steps, minutes, hardware.
        scores: validation or test scores, by instrument: of a separator in dB.
    """

    format: int = FORMAT
    code_version: str = __version__
    backbone: str
    arguments: dict[str, int | float | bool | str] = {}
    instruments: list[InstrumentName] = pydantic.Field(min_length=1)
    condition_version: int
    conditioning: Conditioning = "harmonic"
    hold_out: list[InstrumentName] = []
    adapted: list[InstrumentName] = []
    rivals: list[InstrumentName] | None = None
    sample_rate: pydantic.PositiveInt
    channels: pydantic.PositiveInt
    ledger: list[dict[str, str | int | float]] = []
    training: dict[str, str | int | float] = {}
    scores: dict[str, dict[str, float]] = {}

    @pydantic.field_validator("instruments")
    @classmethod
    def _unique(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("an instrument is named twice")
        return names

    @pydantic.model_validator(mode="after")
    def _adapted_are_known(self) -> Metadata:
        if not set(self.adapted) <= set(self.instruments):
            raise ValueError("an instrument is adapted that is none of its instruments")
        if len(set(self.adapted)) < len(self.adapted):
            raise ValueError("an instrument is adapted twice")
        if not set(self.rivals or []) <= set(self.instruments):
            raise ValueError("an instrument is masked jointly that is none of its instruments")
        return self


@dataclass
class Checkpoint:
    """A loaded separator.

    Attributes:
        model: the network, in eval mode.
        conditions: condition vector ``(dim,)`` of each instrument it was trained on; `addressed`
            makes of it what the network takes.
        metadata: provenance and settings.
        path: the file.
    """

    model: Backbone
    conditions: dict[str, NDArray[np.float32]]
    metadata: Metadata
    path: Path

    @property
    def condition_dim(self) -> int:
        """Values of a condition vector, before `addressed`."""
        return len(next(iter(self.conditions.values())))

    def addressed(self, vector: NDArray[np.float32], instrument: str) -> NDArray[np.float32]:
        """A condition (dim,) as the network takes it; see `timbresep.adaptation.addressed`."""
        return addressed(vector, self.metadata.adapted, instrument)

    def jointly_masked(self) -> dict[str, NDArray[np.float32]]:
        """Instruments of joint masking, with their conditions as the network takes them.

        An adapted one takes part as it was before, so that adapting it changes no other's stem.
        """
        chosen = self.metadata.rivals
        names = self.metadata.instruments if chosen is None else chosen
        none = ""  # of no instrument: the modulations are those of the shared generator
        return {name: self.addressed(self.conditions[name], none) for name in names}


def save(
    path: Path,
    model: Backbone,
    conditions: Mapping[str, NDArray[np.float32]],
    metadata: Metadata,
    *,
    half: bool = False,
    replace: bool = True,
) -> None:
    """Write a checkpoint atomically.

    Args:
        half: store matrices in half precision (they are computed with in single).
        replace: as for `atomic_write`, whose errors these are.
    """
    weights = plain_network(model).state_dict()
    tensors = {WEIGHTS + name: _pack(tensor, half=half) for name, tensor in weights.items()}
    stacked = np.stack([conditions[name] for name in metadata.instruments])
    tensors[CONDITIONS] = torch.from_numpy(stacked)  # (instruments, dim)
    write_bytes(path, to_bytes(tensors, {KEY: metadata.model_dump_json()}), replace=replace)


def export(source: Path, out: Path, find_backbone: Callable[[str], BackboneSpec]) -> str:
    """Copy a checkpoint in half precision, to ship it.

    Returns:
        The new file's sha256, for `registry.yaml`.

    Raises:
        OutputExistsError: `out` is there already.
        CheckpointError: `source` cannot be loaded.
        OutputError: `out` cannot be written.
    """
    if out.exists():
        raise OutputExistsError(f"{out} already exists", "remove it or choose another name")
    loaded = load(source, find_backbone)
    save(out, loaded.model, loaded.conditions, loaded.metadata, half=True, replace=False)
    return sha256_of(out)


def _pack(tensor: Tensor, *, half: bool) -> Tensor:
    packed = tensor.detach().cpu().contiguous()
    return packed.half() if half and packed.is_floating_point() and packed.dim() > 1 else packed


def _unpack(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def load(path: Path, find_backbone: Callable[[str], BackboneSpec]) -> Checkpoint:
    """Read a checkpoint and rebuild its network.

    Args:
        path: the file.
        find_backbone: gives the backbone plugin of a name (`Registry.backbone`).

    Raises:
        CheckpointError: missing, truncated, not ours, or weights that do not fit the network
            (the first names that differ are listed).
    """
    metadata = read_metadata(path)
    tensors = read_tensors(path)
    conditions = tensors.pop(CONDITIONS, None)
    if conditions is None or conditions.dim() != 2 or len(conditions) != len(metadata.instruments):
        raise CheckpointError(f"{path}: does not carry a condition for each of its instruments")
    if not conditions.is_floating_point() or not conditions.shape[1]:
        raise CheckpointError(f"{path}: its conditions are no vectors of numbers")
    if not torch.isfinite(conditions.float()).all():
        raise CheckpointError(f"{path}: a condition is not finite")
    spec = find_backbone(metadata.backbone)
    metadata = metadata.model_copy(update={"arguments": spec.current_arguments(metadata.arguments)})
    weights = {
        spec.current_weight(name.removeprefix(WEIGHTS)): _unpack(tensor)
        for name, tensor in tensors.items()
    }
    if len(weights) < len(tensors):
        raise CheckpointError(f"{path}: a weight is there by its former name and by today's")
    try:
        with no_larger_than(weights, str(path)):
            network = spec.make(conditions.shape[1], metadata.arguments)
            model = adapted_network(network, len(metadata.adapted))
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error
    load_strictly(network, weights, str(path))
    if (model.sample_rate, model.channels) != (metadata.sample_rate, metadata.channels):
        raise CheckpointError(f"{path}: its sample rate or channels are not its network's")
    vectors = conditions.float().numpy()
    return Checkpoint(
        model.eval(), dict(zip(metadata.instruments, vectors, strict=True)), metadata, path
    )


def read_metadata(path: Path) -> Metadata:
    """What a separator checkpoint says about itself, without reading its weights.

    Raises:
        CheckpointError: not one of ours, or written by a newer version.
        ConfigError: its metadata is malformed.
    """
    data = read_json(path, KEY)
    version = data.get("format")
    if version != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {version}, this version reads {FORMAT}",
            "update timbresep" if isinstance(version, int) and version > FORMAT else "",
        )
    return parse(data, Metadata, str(path))
