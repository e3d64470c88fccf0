"""One instrument of a trained separator made better, and every other one left as it is.

All that a condition does in a network is what FiLM makes of it: γ and β. To fine-tune the FiLM
generator `W·c + b` and the condition `c` for a single instrument is therefore to give each FiLM
layer a γ and a β of that instrument's own, added to those of the shared generator. Nothing that
other instruments use changes, with any backbone whose conditions reach it through `timbresep.film`.
docs/guides/training.md has the whole argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from timbresep.backbone import Backbone, WrappedBackbone
from timbresep.film import FiLM


class AdaptedNetwork(WrappedBackbone):
    """A network and the modulations of the instruments that it was adapted to.

    A condition is the vector that the network takes, and one value for each of these instruments:
    how much of its modulations is added (see `addressed`). The network is given the vector alone,
    as its contract says; its FiLM layers are told the rest for the time of the call.

    Args:
        network: what separates; each of its FiLM layers gets room for the modulations.
        count: number of adapted instruments.

    Shape: as the network's, with conditions ``(batch, instruments, condition_dim + count)``.
    """

    def __init__(self, network: Backbone, count: int) -> None:
        super().__init__(network, network.condition_dim + count)
        for film in films(network):
            film.reserve(count)

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """See `Backbone.forward`."""
        with self._addressing(conditions) as vectors:
            stems: Tensor = self.network(mixture, vectors)
        return stems

    def loss(
        self,
        mixture: Tensor,
        conditions: Tensor,
        targets: Tensor,
        consistency_weight: float = 0.0,
    ) -> Tensor:
        """The network's own."""
        with self._addressing(conditions) as vectors:
            return self.network.loss(mixture, vectors, targets, consistency_weight)

    @contextmanager
    def _addressing(self, conditions: Tensor) -> Iterator[Tensor]:
        """Tell the FiLM layers whose modulations are asked for; gives the network's vectors."""
        dim = self.network.condition_dim
        layers = films(self.network)
        try:
            for film in layers:
                film.shares = conditions[..., dim:]
            # One memory layout whatever follows the vector: others would round otherwise.
            yield conditions[..., :dim].contiguous()
        finally:
            for film in layers:
                film.shares = None


def films(model: nn.Module) -> list[FiLM]:
    """The FiLM layers of a network."""
    return [module for module in model.modules() if isinstance(module, FiLM)]


def adapted_network(network: Backbone, count: int) -> Backbone:
    """The network with room for `count` adapted instruments; itself, if there are none."""
    return AdaptedNetwork(plain_network(network), count) if count else network


def plain_network(network: Backbone) -> Backbone:
    """The network that the modulations of adapted instruments are added in."""
    return network.network if isinstance(network, AdaptedNetwork) else network


def addressed(
    vector: NDArray[np.float32], adapted: Sequence[str], instrument: str
) -> NDArray[np.float32]:
    """A condition as a network with adapted instruments takes it.

    Args:
        vector: (dim,), the instrument's condition.
        adapted: names of the instruments that the network was adapted to, in their order.
        instrument: whose condition it is.

    Returns:
        (dim + len(adapted),): the vector; then 1 in the instrument's own place and 0 elsewhere.
    """
    places = np.array([name == instrument for name in adapted], np.float32)
    return np.concatenate([vector, places])


def train_only(model: Backbone, place: int) -> list[nn.Parameter]:
    """Freeze a network but for one instrument's modulations, which are returned."""
    own = [film.own[place] for film in films(model)]
    model.requires_grad_(requires_grad=False)
    for parameter in own:
        parameter.requires_grad_(requires_grad=True)
    return own


def hold_still(model: Backbone) -> None:
    """Put a frozen network into eval mode, so that no running statistic moves.

    Its recurrent layers stay in train mode: cuDNN gives no gradients through them otherwise.
    """
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            module.train()
