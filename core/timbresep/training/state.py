"""Everything a training run needs to go on where it stopped, in one safetensors file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pydantic
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.optim import Optimizer

from timbresep.checkpoint import load_strictly
from timbresep.config import atomic_write
from timbresep.errors import CheckpointError, TrainingError
from timbresep.formats.rebuild import moments
from timbresep.formats.tensor_file import read_json, read_tensors

KEY = "timbresep_run"
FREE = "--max-steps, --max-minutes, --validate-every, --workers and --device"
"""The options that may differ when a run goes on."""

MODEL, AVERAGE, OPTIMIZER = "model.", "average.", "optimizer."


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: optimizer steps done.
        minutes: training time spent.
        best: best validation score so far, in dB.
        kept: the step of which there are checkpoints.
    """

    step: int = 0
    minutes: float = 0.0
    best: float = float("-inf")
    kept: int = 0


def save_run(
    path: Path,
    model: nn.Module,
    average: nn.Module,
    optimizer: Optimizer,
    progress: Progress,
    identity: Mapping[str, object],
) -> None:
    """Write the run's state atomically.

    Args:
        model: the network being trained; `average` its moving average.
        identity: what must be the same for a resumed run (backbone, instruments, …).
    """
    tensors = {MODEL + name: tensor for name, tensor in model.state_dict().items()}
    tensors |= {AVERAGE + name: tensor for name, tensor in average.state_dict().items()}
    for name, parameter in model.named_parameters():
        for slot, tensor in optimizer.state[parameter].items():
            tensors[f"{OPTIMIZER}{slot}.{name}"] = tensor
    packed = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    header = json.dumps({"progress": asdict(progress), "identity": identity})
    with atomic_write(path) as temporary:
        temporary.write_bytes(to_bytes(packed, {KEY: header}))


def load_run(
    path: Path,
    model: nn.Module,
    average: nn.Module,
    optimizer: Optimizer,
    identity: Mapping[str, object],
) -> Progress:
    """Restore a run's state in place and say how far it is.

    Raises:
        CheckpointError: missing, truncated or altered file.
        TrainingError: the run was started with other settings (names the first that differs).
    """
    header = read_json(path, KEY)
    progress, begun = _progress(path, header), header.get("identity")
    if not isinstance(begun, dict):
        raise CheckpointError(f"{path}: does not tell what it is the state of")
    if gone := sorted(set(begun) - set(identity)):
        raise TrainingError(
            f"{path}: an earlier version wrote it, whose setting '{gone[0]}' is no more, or has "
            "another name",
            "start another run from its weights (train --start-from, another --out)",
        )
    for key, value in identity.items():
        # A state that an earlier version wrote may not tell everything.
        before = begun.get(key, value)
        if before != value:
            raise TrainingError(
                f"{path}: the run to resume was started with {_differing(key, before, value)}",
                f"use the same options: all but {FREE} make the run what it is; to change them, "
                "start another one from its weights (train --start-from, another --out)",
            )
    tensors = read_tensors(path)
    load_strictly(model, _within(tensors, MODEL), str(path))
    load_strictly(average, _within(tensors, AVERAGE), str(path))
    slots = _within(tensors, OPTIMIZER)
    trained = [pair for pair in model.named_parameters() if pair[1].requires_grad]
    for name, parameter in trained:
        found = {
            key.partition(".")[0]: tensor
            for key, tensor in slots.items()
            if key.partition(".")[2] == name
        }
        if not found and progress.step == 0:
            continue
        try:
            optimizer.state[parameter] = moments(found, parameter)
        except ValueError as error:
            raise CheckpointError(f"{path}: no optimizer state for '{name}': {error}") from error
    return progress


def _progress(path: Path, header: Mapping[str, object]) -> Progress:
    """How far the run in a file is, all of it numbers that can be."""
    try:
        found = pydantic.TypeAdapter(Progress).validate_python(header.get("progress"))
    except pydantic.ValidationError as error:
        raise CheckpointError(f"{path}: does not tell how far it is") from error
    if found.step < 0 or not 0 <= found.minutes < math.inf or math.isnan(found.best):
        raise CheckpointError(f"{path}: cannot be as far as it tells: {found}")
    return found


def _differing(key: str, before: object, now: object) -> str:
    """What differs, by its name; a hash tells nobody more."""
    hashes = {
        "conditions": "other vectors of the instruments",
        "tracks": "other tracks",
        "start_from": "another checkpoint to start from",
    }
    return hashes.get(key, f"{key} = {before}, not {now}")


def _within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
