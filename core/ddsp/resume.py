"""The state of an interrupted training run, as safetensors: weights, Adam's moments, step."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.config import atomic_write
from core.errors import CheckpointError

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Write the state, atomically, in full precision.

    Args:
        path: safetensors file.
        model: its weights are kept.
        optimizer: an Adam over ``model.parameters()`` in order.
        step: steps done.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, parameter in enumerate(model.parameters()):
        for moment in MOMENTS if parameter in optimizer.state else ():
            tensors[f"adam.{index}.{moment}"] = optimizer.state[parameter][moment]
    tensors["step"] = torch.tensor(step)
    with atomic_write(path) as temporary:
        save_file({name: value.contiguous() for name, value in tensors.items()}, temporary)


def load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put a saved state into a model and its optimiser.

    Returns:
        Steps done when it was saved.

    Raises:
        CheckpointError: the file is missing, cut, or of a model of another size.
    """
    try:
        tensors = load_file(path)
        weights = _under(tensors, "model.")
        model.load_state_dict(weights)
        for index, parameter in enumerate(model.parameters()):
            moments = _under(tensors, f"adam.{index}.")
            if moments:
                optimizer.state[parameter] = {
                    name: value if name == "step" else value.to(parameter.device)
                    for name, value in moments.items()
                }
        return int(tensors["step"])
    except (SafetensorError, OSError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path}: cannot go on from this training state ({reason})",
            "resume with the same model sizes, or start again without it",
        ) from error


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with a prefix, without it."""
    return {name[len(prefix) :]: v for name, v in tensors.items() if name.startswith(prefix)}
