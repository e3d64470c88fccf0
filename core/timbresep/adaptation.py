"""Adaptation: a trained separator gets better at one instrument, and all others stay as they are.

A condition acts on a network only through FiLM's γ and β. So an adapted instrument has a γ and a β
of its own in each FiLM layer, added to those of the shared generator. Nothing that other
instruments use changes, in any backbone whose conditions reach it through `timbresep.film`.
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
    how much of its modulations is added (see `addressed`). The network gets only the vector,
    as its contract says; its FiLM layers get the rest for the time of the call.

    Args:
        network: what separates; each of its FiLM layers gets room for the modulations.
        count: number of adapted instruments.

    Shape: as the network's, with conditions ``(batch, instruments, condition_dim + count)``.
    """

    def __init__(self, network: Backbone, count: int) -> None:
        super().__init__(network, network.condition_dim + count)
        for film in films(network):
            film.reserve(count)

    @contextmanager
    def inner(self, conditions: Tensor) -> Iterator[Tensor]:
        """The network's vectors, while its FiLM layers have the instruments' own modulations."""
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
