"""Several processes that train together: the one way to Lightning Fabric.

Fabric finds the processes (`torchrun`, SLURM's `srun`, or `running.ranks`), connects them and wraps
the network: `ddp` (a whole network each, gradients averaged) or `fsdp` (weights, gradients and
optimizer state in parts). What is decided between steps goes over gloo, on the processor.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from timbresep.backbone import Backbone
from timbresep.errors import MissingToolError, PeerLostError, TrainingError
from timbresep.running.interrupts import held
from timbresep.running.ranks import INSTALL, LAUNCHER, orphaned, started_by_others
from timbresep.training.group import Group
from timbresep.training.request import RunSettings
from timbresep.training.shared_norm import share_norms

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        from lightning_fabric import Fabric
        from lightning_fabric.plugins.environments import LightningEnvironment
        from lightning_fabric.strategies import DDPStrategy, ModelParallelStrategy
        from lightning_fabric.utilities.exceptions import MisconfigurationException
except ModuleNotFoundError as missing:
    raise MissingToolError(f"several processes need {missing.name}", INSTALL) from missing

Parameters = dict[str, nn.Parameter]

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for others that live: the first may have tracks to render."""

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
LOST = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")
"""What torch's messages hold when another process is gone."""


class FabricGroup(Group):
    """The processes of a run on several cards, or with several parts of a machine's cores.

    Raises:
        TrainingError: they do not find together.
    """

    def __init__(self, settings: RunSettings) -> None:
        for name in ("lightning_fabric", "lightning"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.sharded = settings.strategy == "fsdp"
        kind = _kind(settings.device)
        if not started_by_others():
            raise TrainingError(
                f"this is one process, and the run is one of {settings.processes}",
                "start it with train --devices on the command line, or with torchrun or srun",
            )
        threads = os.environ.get("OMP_NUM_THREADS")
        options: dict[str, Any] = {"process_group_backend": BACKENDS[kind], "timeout": TIMEOUT}
        try:
            self._fabric = Fabric(
                accelerator=kind,
                devices=settings.devices,
                num_nodes=settings.nodes,
                strategy=ModelParallelStrategy(
                    _shard,
                    data_parallel_size=settings.processes,
                    tensor_parallel_size=1,
                    **options,
                )
                if self.sharded
                else DDPStrategy(find_unused_parameters=True, **options),
                plugins=[LightningEnvironment()] if LAUNCHER in os.environ else None,
            )
            self._fabric.launch()
        except (MisconfigurationException, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"{settings.processes} processes cannot be connected: {str(error).split('. ')[0]}",
                "start as many as --devices times --nodes, with torchrun or srun; or leave both "
                "out, and a single machine starts its own",
            ) from error
        if threads is None:  # Fabric sets it; `setup` knows of the processes that mix
            os.environ.pop("OMP_NUM_THREADS", None)
        self.rank, self.size = self._fabric.global_rank, self._fabric.world_size

    def device(self, name: str) -> torch.device:
        """See `Group.device`."""
        del name
        device: torch.device = self._fabric.device
        return device

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """See `Group.in_turn`."""
        if not self.leads:
            self.largest(0.0)
        yield
        if self.leads:
            self.largest(0.0)

    def share(
        self, model: Backbone, average: AveragedModel, optimizer: Optimizer
    ) -> Callable[..., Tensor]:
        """See `Group.share`."""
        share_norms(model)
        before = dict(model.named_parameters())
        with _peers():
            network = self._fabric.setup_module(model, move_to_device=False)
            if self.sharded:
                self._fabric.setup_module(average.module, move_to_device=False)
                _replace(optimizer, before, dict(model.named_parameters()))
                register_fsdp_forward_method(model, "loss")
                network = model
            else:
                network.mark_forward_method("loss")

        def loss(*given: Any) -> Tensor:
            with _peers():
                result: Tensor = network.loss(*given)
            return result

        return loss

    def backward(self, loss: Tensor) -> None:
        """See `Group.backward`."""
        with _peers():
            self._fabric.backward(loss)

    def gather(self, value: Any) -> list[Any]:
        """See `Group.gather`."""
        text = json.dumps(value).encode()
        length = int(self.largest(float(len(text)))[0])
        mine = torch.tensor(list(text.ljust(length)), dtype=torch.uint8)
        all_of_them = [torch.empty_like(mine) for _ in range(self.size)]
        with _peers():
            distributed.all_gather(all_of_them, mine)
        return [json.loads(bytes(each.tolist())) for each in all_of_them]

    def largest(self, *values: float) -> list[float]:
        """See `Group.largest`."""
        return self._reduced(values, distributed.ReduceOp.MAX)

    def mean(self, value: float) -> float:
        """See `Group.mean`."""
        return self._reduced([value], distributed.ReduceOp.SUM)[0] / self.size

    def whole(self, tensor: Tensor) -> Tensor:
        """See `Group.whole`."""
        if not isinstance(tensor, DTensor):
            return tensor
        with _peers():
            return tensor.full_tensor()

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        """See `Group.stoppable`."""
        with held() as waiting:
            yield lambda: waiting() or orphaned()

    def can_keep(self, error: BaseException) -> bool:
        """See `Group.can_keep`: parts can only be put together when all have agreed to stop."""
        return not self.sharded or isinstance(error, KeyboardInterrupt)

    def _reduced(self, values: Sequence[float], how: distributed.ReduceOp.RedOpType) -> list[float]:
        reduced = torch.tensor(values, dtype=torch.float64)
        with _peers():
            distributed.all_reduce(reduced, how)
        return [float(value) for value in reduced]


def _kind(device: str) -> str:
    """The kind of device of each process."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in BACKENDS:
        raise TrainingError(
            f"several processes compute on cpu or cuda, not on '{device}'",
            "use --device cpu or cuda; --devices says how many",
        )
    return device


def _shard(model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Have each process hold a part of the weights between two steps; all have all within one.

    Layers are not sharded by themselves: backbones may use a layer's weights without calling it.
    """
    fully_shard(model, mesh=mesh["data_parallel"])
    return model


def _replace(optimizer: Optimizer, before: Parameters, after: Parameters) -> None:
    """Give an optimizer the parts of its parameters, and of what it keeps of them."""
    name_of: dict[Tensor, str] = {parameter: name for name, parameter in before.items()}
    for group in optimizer.param_groups:
        group["params"] = [after[name_of[parameter]] for parameter in group["params"]]
    states = {after[name_of[parameter]]: kept for parameter, kept in optimizer.state.items()}
    optimizer.state.clear()
    for parameter, kept in states.items():
        mesh, places = cast(DTensor, parameter).device_mesh, cast(DTensor, parameter).placements
        optimizer.state[parameter] = {
            name: value if name == "step" else distribute_tensor(value, mesh, places)
            for name, value in kept.items()
        }


@contextmanager
def _peers() -> Iterator[None]:
    """Tell when another process is gone.

    Raises:
        PeerLostError: in place of what torch says.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or any(word in str(error) for word in LOST):
            raise PeerLostError(
                "another process of the run has ended, or answers no more",
                "see what it said; go on from the last state with --resume",
            ) from error
        raise
