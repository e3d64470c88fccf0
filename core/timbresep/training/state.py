"""The state that an interrupted training resumes from: position, weights, and settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn
from torch.optim import Optimizer

from timbresep.errors import CheckpointError, TrainingError
from timbresep.running.optimizer_state import (
    load_state,
    position_in,
    read_header,
    tensors_of,
    write_state,
)
from timbresep.training.group import Group

FREE = (
    "--max-steps, --max-minutes, --validate-every, --workers, --device, --devices, --nodes and "
    "--strategy"
)
"""The options that may differ when a run goes on."""

ALONE = Group()


@dataclass
class Position:
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


@dataclass(frozen=True)
class RunState:
    """What changes in a run from step to step, in memory.

    Attributes:
        model: the network being trained.
        average: its moving average.
        optimizer: of its parameters.
        identity: what must be the same for a resumed run (backbone, instruments, …).
        group: the run's processes; the state tells nothing of them.
    """

    model: nn.Module
    average: nn.Module
    optimizer: Optimizer
    identity: Mapping[str, object]
    group: Group = ALONE

    def save(self, path: Path, position: Position) -> None:
        """Write it, atomically: the leading process does, with all parts where they are apart.

        Raises:
            OutputError: the file cannot be written.
        """
        if not (self.group.leads or self.group.sharded):
            return
        tensors = tensors_of(
            self.model, self.optimizer, others={"average": self.average}, whole=self.group.whole
        )
        if self.group.leads:
            header = {"progress": asdict(position), "identity": self.identity}
            write_state(path, tensors, header)

    def load(self, path: Path) -> Position:
        """Restore it in place, and say how far it is.

        Raises:
            CheckpointError: missing, truncated or altered file.
            TrainingError: the run was started with other settings (names the first that differs).
        """
        header = read_header(path)
        position, begun = _position(path, header), header.get("identity")
        if not isinstance(begun, dict):
            raise CheckpointError(f"{path}: does not tell what it is the state of")
        if gone := sorted(set(begun) - set(self.identity)):
            raise TrainingError(
                f"{path}: an earlier version wrote it, whose setting '{gone[0]}' is no more, or "
                "has another name",
                "start another run from its weights (train --start-from, another --out)",
            )
        for key, value in self.identity.items():
            # A state that an earlier version wrote may not tell everything.
            before = begun.get(key, value)
            if before != value:
                raise TrainingError(
                    f"{path}: the run to resume was started with {_differing(key, before, value)}",
                    f"use the same options: all but {FREE} make the run what it is; to change "
                    "them, start another one from its weights (train --start-from, another --out)",
                )
        load_state(
            path,
            self.model,
            self.optimizer,
            others={"average": self.average},
            begun=position.step > 0,
        )
        return position


def _position(path: Path, header: Mapping[str, object]) -> Position:
    """How far the run in a file is, all of it numbers that can be."""
    found = position_in(path, header, Position)
    if found.step < 0 or not 0 <= found.minutes < math.inf or math.isnan(found.best):
        raise CheckpointError(f"{path}: cannot be as far as it tells: {found}")
    return found


def _differing(key: str, before: object, now: object) -> str:
    """What differs, in words; of a hash, only what it is of."""
    hashes = {
        "conditions": "other vectors of the instruments",
        "tracks": "other tracks",
        "start_from": "another checkpoint to start from",
    }
    return hashes.get(key, f"{key} = {before}, not {now}")
