"""The state of an interrupted training, in one safetensors file: weights, optimizer, position."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.optim import Optimizer

from timbresep.errors import CheckpointError
from timbresep.files import write_bytes
from timbresep.formats.rebuild import load_strictly, moments
from timbresep.formats.tensor_file import read_json, read_tensors

KEY = "timbresep_run"  # metadata key of the safetensors header
OPTIMIZER = "optimizer."
PositionType = TypeVar("PositionType")


def save_state(
    path: Path,
    model: nn.Module,
    optimizer: Optimizer,
    header: Mapping[str, object],
    *,
    others: Mapping[str, nn.Module] | None = None,
) -> None:
    """Write a state, atomically and in full precision.

    Args:
        path: safetensors file.
        model: its weights are kept.
        optimizer: an Adam over some or all of the model's parameters.
        header: how far the training is, and anything else that JSON can hold.
        others: further modules whose weights are kept, by name.

    Raises:
        OutputError: the file cannot be written.
    """
    write_state(path, tensors_of(model, optimizer, others=others), header)


def tensors_of(
    model: nn.Module,
    optimizer: Optimizer,
    *,
    others: Mapping[str, nn.Module] | None = None,
    whole: Callable[[Tensor], Tensor] = lambda tensor: tensor,
) -> dict[str, Tensor]:
    """Copies of all tensors of a state, in the memory of the processor.

    Args:
        model, optimizer, others: as for `save_state`.
        whole: puts a tensor together of which a process holds a part.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, module in {"model": model, **(others or {})}.items():
        tensors |= {f"{prefix}.{name}": value for name, value in module.state_dict().items()}
    for name, parameter in model.named_parameters():
        for moment, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{OPTIMIZER}{moment}.{name}"] = value
    return {
        name: whole(value.detach()).cpu().contiguous().clone() for name, value in tensors.items()
    }


def write_state(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, object]) -> None:
    """Write the tensors of a state; arguments and errors otherwise as `save_state`."""
    write_bytes(path, to_bytes(dict(tensors), {KEY: json.dumps(header)}))


def read_header(path: Path) -> dict[str, Any]:
    """The header of a state, without its weights.

    Raises:
        CheckpointError: missing, truncated or not ours.
    """
    return read_json(path, KEY)


def position_in(path: Path, header: Mapping[str, object], kind: type[PositionType]) -> PositionType:
    """How far a training is, out of a state's header.

    Args:
        path: names the file in errors.
        header: what `read_header` gives; the position is its ``progress``.
        kind: dataclass of what a position is.

    Raises:
        CheckpointError: it does not tell.
    """
    try:
        return pydantic.TypeAdapter(kind).validate_python(header.get("progress"))
    except pydantic.ValidationError as error:
        raise CheckpointError(f"{path}: does not tell how far it is") from error


def load_state(
    path: Path,
    model: nn.Module,
    optimizer: Optimizer,
    *,
    others: Mapping[str, nn.Module] | None = None,
    begun: bool = True,
) -> None:
    """Restore a state in place.

    Args:
        path: what `save_state` wrote.
        model, optimizer, others: made as those that were saved.
        begun: whether a step was made, so that the optimizer has a state of each parameter.

    Raises:
        CheckpointError: missing, truncated, altered or of other sizes.
    """
    tensors = read_tensors(path)
    for prefix, module in {"model": model, **(others or {})}.items():
        load_strictly(module, _within(tensors, f"{prefix}."), str(path))
    slots = _within(tensors, OPTIMIZER)
    for name, parameter in model.named_parameters():
        found = {
            slot.partition(".")[0]: tensor
            for slot, tensor in slots.items()
            if slot.partition(".")[2] == name
        }
        if not parameter.requires_grad or not (found or begun):
            continue
        try:
            optimizer.state[parameter] = moments(found, parameter)
        except ValueError as error:
            raise CheckpointError(f"{path}: no optimizer state for '{name}': {error}") from error


def _within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
