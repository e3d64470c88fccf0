"""The checkpoint that a run starts from: its weights, their provenance and licences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import pad

from timbresep import checkpoint
from timbresep.adaptation import plain_network
from timbresep.checkpoint import Checkpoint
from timbresep.files import sha256_of
from timbresep.film import ConditionEncoder, FiLM
from timbresep.formats.rebuild import load_strictly
from timbresep.hookspecs import BackboneSpec


@dataclass(frozen=True)
class Parent:
    """A trained separator that another one starts from.

    Attributes:
        checkpoint: the loaded file.
        sha256: hash of the file.
    """

    checkpoint: Checkpoint
    sha256: str

    @classmethod
    def load(cls, path: Path, spec: BackboneSpec) -> Parent:
        """Read a checkpoint to start from, whose backbone is `spec`.

        Raises:
            CheckpointError: missing, damaged or not ours.
        """
        loaded = checkpoint.load(path, lambda _: spec)
        return cls(loaded, sha256_of(path))

    def give_weights(self, model: nn.Module) -> None:
        """Put the weights into a network of the same shape.

        Its conditions may be of a later version. That only appends values, which get no weight:
        at first the network does what it did. What it was adapted to is left behind: it fits no
        other weights.

        Raises:
            CheckpointError: it has other arguments; names the first weight that does not fit.
        """
        state = dict(plain_network(self.checkpoint.model).state_dict())
        for name, module in model.named_modules():
            if isinstance(module, FiLM):
                for place in range(len(self.checkpoint.metadata.adapted)):
                    state.pop(f"{name}.own.{place}")
                _widen(state, f"{name}.generator.weight", module.generator.in_features)
            elif isinstance(module, ConditionEncoder):
                _widen(state, f"{name}.layers.0.weight", module.condition_dim)
                _widen(state, f"{name}.standardise.running_mean", module.condition_dim)
                _widen(state, f"{name}.standardise.running_var", module.condition_dim, 1.0)
        load_strictly(model, state, str(self.checkpoint.path))

    def ledger(
        self, rows: Sequence[dict[str, str | int | float]]
    ) -> list[dict[str, str | int | float]]:
        """The new run's data and all that the parent had learned from: licences are inherited."""
        inherited = self.checkpoint.metadata.ledger
        return [*inherited, *(row for row in rows if row not in inherited)]

    def provenance(self) -> dict[str, str | int | float]:
        """What a checkpoint says about the training before its own."""
        before = self.checkpoint.metadata.training
        return {
            "start_from": f"{self.checkpoint.path.name} sha256 {self.sha256}",
            "earlier_command": _chain(before, "earlier_command", "command"),
            "earlier_steps": _total(before, "steps"),
            "earlier_minutes": round(_total(before, "minutes"), 2),
        }


def _widen(state: dict[str, Tensor], key: str, wanted: int, value: float = 0.0) -> None:
    """Append `value` to a tensor's last axis until it is `wanted` long."""
    state[key] = pad(state[key], (0, max(wanted - state[key].shape[-1], 0)), value=value)


def _chain(before: dict[str, str | int | float], *keys: str) -> str:
    return "; then ".join(str(before[key]) for key in keys if before.get(key))


def _total(before: dict[str, str | int | float], key: str) -> float:
    parts = (before.get(f"earlier_{key}", 0), before.get(key, 0))
    return sum(part for part in parts if not isinstance(part, str))
