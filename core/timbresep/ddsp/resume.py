"""The state of an interrupted training run, as safetensors: weights, Adam's moments, progress."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from timbresep.config import atomic_write
from timbresep.errors import CheckpointError
from timbresep.formats.rebuild import MOMENTS, moments
from timbresep.formats.tensor_file import opened, read_one, read_tensors
from timbresep.interrupts import held


@dataclass
class Done:
    """How far a run has come.

    Attributes:
        steps: optimiser steps.
        seconds: time they took.
        losses: of every step, so that a resumed run reports the whole.
        between_steps: whether the model is of these steps: not while another one is made.
    """

    steps: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    between_steps: bool = True


def save(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, done: Done) -> None:
    """Write the state, atomically, in full precision.

    Args:
        path: safetensors file.
        model: its weights are kept.
        optimizer: an Adam over ``model.parameters()`` in order.
        done: how far the run has come.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, parameter in enumerate(model.parameters()):
        for moment in MOMENTS if parameter in optimizer.state else ():
            tensors[f"adam.{index}.{moment}"] = optimizer.state[parameter][moment]
    tensors["steps"] = torch.tensor(done.steps)
    tensors["seconds"] = torch.tensor(done.seconds, dtype=torch.float64)
    tensors["losses"] = torch.tensor(done.losses, dtype=torch.float64)
    with atomic_write(path) as temporary:
        temporary.write_bytes(
            to_bytes({name: value.contiguous() for name, value in tensors.items()})
        )


@contextmanager
def kept(
    path: Path | None, model: nn.Module, optimizer: torch.optim.Optimizer, done: Done
) -> Iterator[None]:
    """Save the state when an interrupt or an error ends the block, unless within a step."""
    try:
        yield
    except BaseException:
        if path is not None and done.between_steps:
            with held():
                save(path, model, optimizer, done)
        raise


def load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Done:
    """Put a saved state into a model and its optimiser.

    Returns:
        How far it had come when it was saved.

    Raises:
        CheckpointError: the file is missing, cut, or of a model of another size.
    """
    try:
        tensors = read_tensors(path)
        model.load_state_dict(_under(tensors, "model."))
        for index, parameter in enumerate(model.parameters()):
            found = _under(tensors, f"adam.{index}.")
            if found:
                optimizer.state[parameter] = moments(found, parameter)
        return Done(
            int(_number(tensors, "steps")),
            float(_number(tensors, "seconds")),
            tensors["losses"].double().reshape(-1).tolist(),
        )
    except CheckpointError as error:
        raise _unusable(path, error.message) from error
    except (RuntimeError, KeyError, ValueError) as error:
        raise _unusable(path, str(error).splitlines()[0]) from error


def steps_done(path: Path) -> int:
    """Steps of a saved state, without its weights.

    Raises:
        CheckpointError: the file is missing or cut.
    """
    try:
        with opened(path) as file:
            return int(_number({"steps": read_one(path, file, "steps")}, "steps"))
    except CheckpointError as error:
        raise _unusable(path, error.message) from error
    except (KeyError, ValueError) as error:
        raise _unusable(path, str(error)) from error


def _number(tensors: dict[str, Tensor], name: str) -> int | float:
    """A count, or seconds: one finite number that is not negative, or else a ValueError."""
    value = tensors[name]
    if value.numel() != 1 or not 0 <= value.item() < math.inf:
        raise ValueError(f"{name} is no number")
    return value.item()


def _unusable(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: cannot go on from this training state ({reason})",
        "resume with the same model sizes, or start again without it",
    )


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with a prefix, without it."""
    return {name[len(prefix) :]: v for name, v in tensors.items() if name.startswith(prefix)}
