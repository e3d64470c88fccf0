"""What two processes do together for `test_distributed`: they are this script, run twice.

    python tests/two_ranks.py FOLDER

FOLDER holds `tones` and `noted`; runs are put beside them, and what each process saw.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.registry.registry import Registry
from timbresep.training import data as training_data
from timbresep.training.group import Group
from timbresep.training.loop import fit
from timbresep.training.request import TrainRequest
from timbresep.training.run import TrainingRun
from tiny_runs import TINY, request, silent

NETWORK = {**TINY, "bands": 8, "width": 4, "hidden": 4}
NOTES = {"width": 12, "blocks": 1, "head": 8, "head_blocks": 1, "embedding": 8}
STEPS = 6


def few_mixtures(patch: Any) -> None:
    """Validate on three batches of two: one process has two of them, the other one."""
    patch.setattr(training_data, "VALIDATION_MIXTURES", 6)
    patch.setattr(training_data, "VALIDATION_BATCH", 2)


def a_run(root: Path, name: str, **options: object) -> TrainRequest:
    """A run of six steps of four mixtures, with a validation in the middle."""
    given = {
        **{"max_steps": STEPS, "validate_every": 3, "seconds": 0.2, "arguments": NETWORK},
        **{"consistency_weight": 0.5, "ema": 0.5},
    }
    return request(root / "tones", root / name, **{**given, **options})


class EnoughError(Exception):
    """A run has come to its middle."""


def half(registry: Registry, wanted: TrainRequest) -> None:
    """Begin a run, and leave it after its first validation."""

    def stop(share: float, text: str) -> None:
        if "valid" in text and share < 1:
            raise EnoughError

    with contextlib.suppress(EnoughError):
        fit(registry, wanted, stop)


def a_transcription(root: Path, name: str, **options: object) -> TrainRequest:
    """A transcriber's run."""
    given = {"backbone": "note_net", "arguments": NOTES, "seconds": 0.5, "max_steps": STEPS}
    return request(root / "noted", root / name, **{**given, **options})


def gradients(run: TrainingRun) -> dict[str, torch.Tensor]:
    """Gradients of the first step, and the running statistics after it."""
    part = run.group.part(run.settings.batch_size)
    batch = next(run.data.batches(0, 1, part))
    run.task.train_mode()
    run.group.backward(run._loss(batch))
    found = {f"gradient {name}": p.grad for name, p in run.model.named_parameters()}
    found |= {f"statistic {name}": b for name, b in run.model.named_buffers() if "running" in name}
    return {name: tensor.clone() for name, tensor in found.items() if tensor is not None}


def gradients_of_the_whole_step(root: Path, registry: Registry, group: Group) -> None:
    """Of a separator and a transcriber."""
    for name, made in (("separator", a_run), ("transcriber", a_transcription)):
        wanted = made(root, name, devices=2, arguments=RICHER[name])
        run = TrainingRun(wanted.resolve(registry), group)
        found = gradients(run)
        if group.leads:
            save_file(found, root / f"{name}.gradients")


RICHER = {"separator": {**NETWORK, "refinement": 4}, "transcriber": NOTES}


class Unused(nn.Module):
    """A network whose loss does not need all parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(2, 1), nn.Linear(2, 1)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of what one layer gives."""
        mean: torch.Tensor = self.used(x).mean()
        return mean


def unused_parameters(group: Group) -> bool:
    """Whether several steps can be made with them, and leave them without a gradient."""
    network = Unused()
    loss = group.share(network, AveragedModel(network), torch.optim.AdamW(network.parameters()))
    for _ in range(3):
        group.backward(loss(torch.ones(2, 2) * (group.rank + 1)))
    gradient = network.used.weight.grad
    return network.unused.weight.grad is None and bool(torch.equal(gradient, gradient * 0 + 4.5))


def seen_of(root: Path, run: str, registry: Registry, group: Group) -> dict[str, object]:
    """The mixtures that a process makes in a run, and what is left in its network."""
    del group
    mixed: list[int] = []
    original = MixtureDataset.__getitem__

    def noted(self: MixtureDataset, index: int) -> dict[str, torch.Tensor]:
        if self.seed == 0:  # not those to validate on
            mixed.append(index)
        return original(self, index)

    MixtureDataset.__getitem__ = noted  # type: ignore[method-assign]
    result = fit(registry, a_run(root, run, devices=2), silent)
    MixtureDataset.__getitem__ = original  # type: ignore[method-assign]
    return {"mixed": mixed, "scores": result.scores, "notes": result.notes}


def main() -> None:
    """Do all of it."""
    root = Path(sys.argv[1])
    torch.set_num_threads(1)
    opened: list[str] = []
    few_mixtures(_Patch())
    registry = Registry.load()

    from timbresep.training.fabric import FabricGroup

    group = FabricGroup(a_run(root, "two", devices=2).resolve(registry))
    sys.addaudithook(lambda event, given: _note_writing(root, opened, event, given))
    seen = seen_of(root, "two", registry, group)
    fit(registry, a_run(root, "one-then-two", devices=2, resume=True), silent)
    half(registry, a_run(root, "two-then-one", devices=2))
    half(registry, a_run(root, "sharded", devices=2, strategy="fsdp"))
    fit(registry, a_run(root, "sharded", devices=2, strategy="fsdp", resume=True), silent)
    seen |= {"written": opened.copy(), "unused": unused_parameters(group)}
    gradients_of_the_whole_step(root, registry, group)
    (root / f"seen{group.rank}.json").write_text(json.dumps(seen))


class _Patch:
    """`pytest.MonkeyPatch`, for good."""

    setattr = staticmethod(setattr)


def _note_writing(root: Path, opened: list[str], event: str, given: tuple[Any, ...]) -> None:
    writes = event == "open" and isinstance(given[0], str) and _writes(given[1], given[2])
    if writes or event in ("os.mkdir", "os.rename", "os.remove"):
        path = str(given[0])
        if path.startswith(str(root)):
            opened.append(path)


def _writes(mode: str | None, flags: int) -> bool:
    return bool(flags & 0o3) if mode is None else any(letter in mode for letter in "wxa+")


if __name__ == "__main__":
    main()
