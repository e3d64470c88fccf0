"""The processes that make each step of a run together: here, a single one.

`fabric` has several. What a run is does not depend on how many there are: a step's mixtures are
dealt out, their gradients averaged, and all decisions are made from what all processes know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from timbresep.backbone import Backbone
from timbresep.running.device import device_of

if TYPE_CHECKING:
    from timbresep.training.request import RunSettings

Item = TypeVar("Item")


class Group:
    """A run of one process, which asks no other.

    Attributes:
        rank: number of this process.
        size: how many there are.
        sharded: whether each holds a part of the weights only, between two steps.
    """

    rank = 0
    size = 1
    sharded = False

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """The device of this process, of the kind that is asked for.

        Raises:
            TimbresepError: it cannot be used.
        """
        return device_of(name)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """A block that the leading process does first, and the others once it has succeeded."""
        yield

    def share(
        self, model: Backbone, average: AveragedModel, optimizer: Optimizer
    ) -> Callable[..., Tensor]:
        """The network's loss, for this process's share of a step.

        Args:
            model: the network, with the weights that it begins with; its gradients will be those
                of the mean loss of all shares.
            average: of its weights.
            optimizer: of the network's parameters.
        """
        del average, optimizer
        return model.loss

    def backward(self, loss: Tensor) -> None:
        """Gradients of the mean loss of all shares."""
        loss.backward()

    def part(self, mixtures: int) -> slice:
        """This process's share of the mixtures of a step."""
        share = mixtures // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def dealt(self, items: Iterable[Item]) -> Iterator[tuple[int, Item]]:
        """This process's items, each with its number among those of all."""
        for place, item in enumerate(items):
            yield self.rank + place * self.size, item

    def gather(self, value: Any) -> list[Any]:
        """Each process's value, by rank; it is of what JSON can hold."""
        return [value]

    def largest(self, *values: float) -> list[float]:
        """The largest of all processes' values, place by place."""
        return list(values)

    def mean(self, value: float) -> float:
        """The mean of all processes' values."""
        return value

    def whole(self, tensor: Tensor) -> Tensor:
        """A weight, of which this process may hold a part only."""
        return tensor

    def stoppable(self) -> AbstractContextManager[Callable[[], bool]]:
        """A block in which signals wait until all agree to stop; it is told whether one waits.

        One process by itself needs no agreement: signals act whenever no step is half done.
        """
        return nullcontext(lambda: False)

    def can_keep(self, error: BaseException) -> bool:
        """Whether the state can be written after an error, which the others may not know of."""
        del error
        return True


@dataclass(frozen=True)
class ConsistencyShare:
    """How a process weighs its loss, so that the mean over all is that of one with all mixtures.

    Attributes:
        scale: factor of the loss.
        weight: of the loss after mixture consistency within it.
    """

    scale: float
    weight: float


def consistency_share(weight: float, mine: float, mean: float) -> ConsistencyShare:
    """The part of one process in a loss of which a part counts complete mixtures only.

    The loss of a step is (1−w)·A + w·B, with A the mean over all mixtures and B that over the
    complete ones: those whose targets are all that sounds (`timbresep.losses`). Processes have as
    many mixtures each, but not as many complete ones. Without any, the loss is A.

    Args:
        weight: w.
        mine: complete mixtures of this process.
        mean: mean of that over all processes.
    """
    if not mean:
        return ConsistencyShare(1.0, weight)
    part = weight * mine / mean
    scale = 1 - weight + part
    return ConsistencyShare(scale, part / scale if scale else 0.0)


def group_of(settings: RunSettings) -> Group:
    """The processes of a run: this one, or those that it was started with.

    Raises:
        MissingToolError: there are to be several, and Lightning Fabric is not installed.
        TrainingError: they do not find together.
    """
    if settings.processes == 1:
        return Group()
    from timbresep.training.fabric import FabricGroup

    return FabricGroup(settings)
