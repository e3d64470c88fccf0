"""Networks and optimisers rebuilt for a file's tensors: within their size, and of their kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy

from timbresep.errors import CheckpointError, TimbresepError

ROOM = 1 << 20
"""Values that a network may have and drop again while it is built, besides twice the file's."""


MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What Adam keeps of a parameter."""

MOST_STEPS = 1e12


def moments(found: Mapping[str, Tensor], parameter: Tensor) -> dict[str, Tensor]:
    """Adam's state of a parameter as it has to be, on the parameter's device.

    Args:
        found: the tensors of a file, by the names of `MOMENTS`.
        parameter: whose state it is.

    Raises:
        ValueError: it is that of another optimiser or parameter, or of numbers that cannot be.
    """
    if set(found) != set(MOMENTS):
        raise ValueError(f"the optimizer's state is {', '.join(found) or 'missing'}")
    for name, value in found.items():
        shape = () if name == "step" else parameter.shape
        if not value.is_floating_point() or value.shape != shape:
            raise ValueError(f"the optimizer's {name} is of another parameter")
        if not torch.isfinite(value).all() or (name != "exp_avg" and (value < 0).any()):
            raise ValueError(f"the optimizer's {name} cannot be so")
    if found["step"] > MOST_STEPS:
        raise ValueError("the optimizer's step cannot be so")
    return {n: v if n == "step" else v.to(parameter.device) for n, v in found.items()}


def load_strictly(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Load weights, all of them and no others.

    Raises:
        CheckpointError: names the first that is missing, unexpected or of another shape.
    """
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name not in weights:
            raise CheckpointError(f"{where}: weight '{name}' is missing")
        if weights[name].shape != tensor.shape:
            raise CheckpointError(
                f"{where}: weight '{name}' has shape {tuple(weights[name].shape)}, "
                f"the network expects {tuple(tensor.shape)}"
            )
        if weights[name].is_floating_point() != tensor.is_floating_point():
            raise CheckpointError(
                f"{where}: weight '{name}' is {weights[name].dtype}, not {tensor.dtype}"
            )
    unexpected = sorted(set(weights) - set(expected))
    if unexpected:
        raise CheckpointError(f"{where}: weight '{unexpected[0]}' is not part of the network")
    model.load_state_dict(dict(weights), strict=True)


@contextmanager
def no_larger_than(weights: Mapping[str, Tensor], where: str) -> Iterator[None]:
    """A context that refuses to build a network out of proportion to its weights.

    Args:
        weights: the tensors that will be loaded.
        where: names their origin in the error.

    Raises:
        CheckpointError: the network is larger than they are, or impossible.
    """

    def refuse(what: str) -> CheckpointError:
        return CheckpointError(
            f"{where}: the network that it describes is larger than its weights (at {what})",
            "it was altered or is not ours",
        )

    held = sum(weight.numel() for weight in weights.values())
    try:
        with bounded(2 * len(weights) + 100, 2 * held + ROOM, refuse):
            yield
    except (RuntimeError, OverflowError) as error:  # more than can even be asked for
        reason = str(error).split("\n")[0]
        raise CheckpointError(
            f"{where}: the network that it describes cannot be: {reason}"
        ) from error


@contextmanager
def bounded(
    parameters: int, values: int, refuse: Callable[[str], TimbresepError]
) -> Iterator[None]:
    """A context that refuses to build a network with more parameters, or values, than these.

    Modules allocate a parameter, register it and then fill it; memory that is not written to costs
    nothing. So the error comes at the first parameter too many, before it takes memory.

    Args:
        parameters: tensors at most.
        values: numbers in them at most.
        refuse: makes the error, given what was one too many in words.
    """
    thread = threading.get_ident()

    def count(_: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal parameters, values
        if parameter is None or is_lazy(parameter) or threading.get_ident() != thread:
            return
        parameters -= 1
        values -= parameter.numel()
        if parameters < 0 or values < 0:
            raise refuse(f"a '{name}' of shape {tuple(parameter.shape)}")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
