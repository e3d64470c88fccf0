"""A network of unblend's as a source model.

unblend builds the network of a name and runs it over a window; its reading of files and its command
line are not used. Every window is brought to one level, about that of the songs that the networks
were trained on, and its sources back from it. HTDemucs' authors do so with a whole track.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from timbresep.errors import ConfigError
from timbresep.level import LEVEL_DB
from timbresep.source_model import SourceModel, load_weights
from timbresep.units import db_to_amplitude

from .imported import (
    HTDemucs,
    ModelEnsemble,
    ModelLoadingError,
    ModelRepository,
    apply_model,
    backends,
)
from .offer import Offer
from .own import list_file

CONTEXT = 1 / 8
"""Share of a window that is context, on each side. Towards its ends, HTDemucs gives something else
than in the middle; twice as much context costs half as much again, and changes little
(`benchmarks/source_model.py`)."""

OVERLAP = 0.25
"""Share that windows of what is longer than one have in common."""


class UnblendModel(SourceModel):
    """A network of unblend's, or several whose mean is taken.

    Args:
        network: as unblend builds it.
        sources: names of what it gives, in its order.

    Attributes:
        network: as above.
        window: samples that it was trained on at once.
    """

    def __init__(self, network: Any, sources: tuple[str, ...]) -> None:
        super().__init__()
        backends.disable_custom_kernels(network)  # they are compiled when first used
        self.network = network.eval()
        self.sources = sources
        self.sample_rate, self.channels = network.samplerate, network.audio_channels
        self.window = round(network.max_allowed_segment * self.sample_rate)
        self.context = round(CONTEXT * self.window)
        self.chunk = self.window - 2 * self.context

    def forward(self, mixture: Tensor) -> Tensor:
        """See `SourceModel.forward`."""
        power = mixture.square().mean(dim=(1, 2), keepdim=True)  # (batch, 1, 1)
        gain = torch.where(power > 0, db_to_amplitude(LEVEL_DB) / power.sqrt(), 0.0)
        overlap = OVERLAP if mixture.shape[-1] > self.window else 0.0
        sources: Tensor = apply_model(self.network, mixture * gain, overlap=overlap)
        back = torch.where(power > 0, 1 / gain, 0.0)
        return sources * back[:, None]


def load(offer: Offer, path: Path) -> UnblendModel:
    """A model of unblend's with the weights of a file; errors are those of `load_weights`."""
    model = UnblendModel(
        network_of(offer.listed or offer.name, own=offer.file is not None), offer.sources
    )
    load_weights(model.network, path)
    return model.eval()


def network_of(name: str, *, own: bool = False) -> Any:
    """The network of one of unblend's names, or of the user's own, with random weights.

    Raises:
        ConfigError: the list of the user's own models has none, or describes it wrongly.
    """
    try:
        entries = ModelRepository(extra_models=[list_file()] if own else []).list_models()
        entry = entries[name]
    except (ModelLoadingError, KeyError) as error:
        raise ConfigError(f"{list_file()}: '{name}' cannot be built: {error}") from error
    if "members" not in entry:
        return _single(entry)
    members = [_single(entries.get(member.get("model"), entry)) for member in entry["members"]]
    return ModelEnsemble(members, entry.get("weights"))


def _single(entry: dict[str, Any]) -> Any:
    """The network that an entry of unblend's registry describes."""
    if entry["architecture"] == "htdemucs":
        return HTDemucs(**entry["config"])
    names = ("sources", "samplerate", "segment_samples")
    geometry = {name: entry[name] for name in names}
    architecture = entry["architecture"]
    return backends.build(entry["backend"], architecture, entry["config"], **geometry)
