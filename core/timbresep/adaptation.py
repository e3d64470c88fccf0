"""One instrument of a trained separator made better, and every other one left as it is.

All that a condition does in a network is what FiLM makes of it: γ and β. To fine-tune the FiLM
generator `W·c + b` and the condition `c` for a single instrument is therefore to give each FiLM
layer a γ and a β of that instrument's own, added to those of the shared generator. Nothing that
other instruments use changes, with any backbone whose conditions reach it through `timbresep.film`.
docs/guides/training.md has the whole argument.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from timbresep.backbone import Backbone
from timbresep.film import FiLM


def films(model: nn.Module) -> list[FiLM]:
    """The FiLM layers of a network."""
    return [module for module in model.modules() if isinstance(module, FiLM)]


def reserve(model: nn.Module, count: int) -> None:
    """Give every FiLM layer room for `count` adapted instruments."""
    for film in films(model):
        film.reserve(count)


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
    model.requires_grad_(False)
    for parameter in own:
        parameter.requires_grad_(True)
    return own


def hold_still(model: Backbone) -> None:
    """Put a frozen network into eval mode, so that no running statistic moves.

    Its recurrent layers stay in train mode: cuDNN gives no gradients through them otherwise.
    """
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            module.train()
