"""An adapter that steers any network of Asteroid that has a masker.

mixture → encoder → the masker up to its first FiLM (all of it once a mixture) → FiLM → the rest of
the masker, with FiLM after each repeat → mask × encoded mixture → decoder. Encoder, masker and
decoder are Asteroid's own (Pariente et al., "Asteroid: the PyTorch-based audio source separation
toolkit for researchers", Interspeech 2020), made for one source: the condition says which. Each
channel of a stereo mixture is masked on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from timbresep.backbone import Backbone
from timbresep.film import ConditionEncoder, FiLM
from timbresep.torchaudio_shim import import_torchaudio

SAMPLE_RATE = 44_100
MAX_CHANNELS = 2
LARGEST = 8192
"""Largest size of anything: Asteroid fills filters before the size of a network is known."""


@dataclass(frozen=True)
class Places:
    """Where conditions enter a masker, by the names that Asteroid gives its modules.

    Attributes:
        entrance: the modules before the first FiLM, in their order.
        features: values that each FiLM modulates.
        repeats: the modules after which there is FiLM, too.
        residual: whether these give what is added to the masker's state, and not the state.
    """

    entrance: tuple[str, ...]
    features: int
    repeats: Sequence[str]
    residual: bool = False


class AsteroidBackbone(Backbone):
    """A network of Asteroid with FiLM in its masker.

    Args:
        name: a class in `asteroid.models` with an encoder, a masker and a decoder.
        condition_dim: length of a condition vector.
        places: where the conditions enter.
        arguments: of the class, and `embedding`, the length of an encoded condition.

    Shape:
        - mixture: ``(batch, channels, samples)``, one or two channels
        - conditions: ``(batch, instruments, condition_dim)``
        - output: ``(batch, instruments, channels, samples)``

    Raises:
        ValueError: a size that cannot be.
    """

    def __init__(
        self, name: str, condition_dim: int, places: Places, arguments: Mapping[str, Any]
    ) -> None:
        super().__init__()
        for key, value in arguments.items():
            if isinstance(value, int) and not 1 <= value <= LARGEST:
                raise ValueError(f"{key} must be from 1 to {LARGEST}, not {value}")
        sizes = dict(arguments)
        embedding = sizes.pop("embedding")
        self.sample_rate, self.channels = SAMPLE_RATE, MAX_CHANNELS
        self.condition_dim = condition_dim
        self.causal = False
        self.chunk, self.context = 10 * SAMPLE_RATE, SAMPLE_RATE
        self.encode_condition = ConditionEncoder(condition_dim, embedding)
        self.network: Any = asteroid_class(name)(n_src=1, sample_rate=SAMPLE_RATE, **sizes)
        filters = self.network.encoder.filterbank
        self.kernel_size, self.stride = filters.kernel_size, filters.stride
        if "encoder" in dict(self.network.encoder.named_children()):
            del self.network.encoder.filterbank  # a second name for that of the encoder inside
        masker, film = self.network.masker, partial(FiLM, embedding, places.features)
        first, *others = places.entrance
        shared = [masker.get_submodule(one) for one in places.entrance]
        masker.set_submodule(first, Entrance(nn.Sequential(*shared), film()))
        for one in others:
            masker.set_submodule(one, nn.Identity())
        for one in places.repeats:
            repeat = Repeat(masker.get_submodule(one), film(), residual=places.residual)
            masker.set_submodule(one, repeat)

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """See `Backbone.forward`."""
        batch, channels, samples = mixture.shape
        instruments = conditions.shape[1]
        codes = self.encode_condition(conditions)
        # As many filters hear the first and the last samples as any other.
        edge = self.kernel_size - self.stride
        fill = -(samples + edge) % self.stride
        with torch.autocast(mixture.device.type, enabled=False):
            padded = pad(mixture.float().reshape(-1, 1, samples), (edge, edge + fill))
            encoded = self.network.forward_encoder(padded)  # (batch·channels, filters, frames)
        encoded = encoded.unflatten(0, (batch, 1, channels))
        encoded = encoded.expand(-1, instruments, -1, -1, -1).flatten(0, 2)
        with self._steered(codes):
            masks = self.network.forward_masker(encoded)
        with torch.autocast(mixture.device.type, enabled=False):
            masked = self.network.apply_masks(encoded, masks.float())
            stems: Tensor = self.network.forward_decoder(masked)[..., edge : edge + samples]
        return stems.reshape(batch, instruments, channels, samples)

    @contextmanager
    def _steered(self, codes: Tensor) -> Iterator[None]:
        """The places of FiLM have the encoded conditions for the time of one call."""
        places = [module for module in self.network.masker.modules() if isinstance(module, Place)]
        for place in places:
            place.codes = codes
        try:
            yield
        finally:
            for place in places:
                del place.codes


class Place(nn.Module):
    """A module of a masker, and FiLM after it.

    Attributes:
        codes: the encoded conditions, ``(batch, instruments, embedding)``, during a call.
    """

    codes: Tensor

    def __init__(self, inside: nn.Module, film: FiLM) -> None:
        super().__init__()
        self.inside = inside
        self.film = film

    def modulate(self, x: Tensor) -> Tensor:
        """FiLM on the features of ``(batch, instruments or 1, channels, features, ...)``.

        Returns:
            ``(batch·instruments·channels, features, ...)``.
        """
        modulated: Tensor = self.film(x.movedim(3, -1), self.codes)
        return modulated.to(x.dtype).movedim(-1, 3).flatten(0, 2)


class Entrance(Place):
    """What a masker does before its first FiLM: once a mixture, not once an instrument.

    Shape: the encoded mixture for each instrument, ``(batch·instruments·channels, filters,
    frames)``, to ``(batch·instruments·channels, features, frames)``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """All instruments have the same mixture, so that the first one's is enough."""
        batch, instruments = self.codes.shape[:2]
        once = x.unflatten(0, (batch, instruments, -1))[:, 0]
        y: Tensor = self.inside(once.flatten(0, 1))
        return self.modulate(y.unflatten(0, (batch, 1, -1)))


class Repeat(Place):
    """A part of a masker with FiLM on the state that it leaves.

    Args:
        inside: gives the state, or what is added to it.
        film: acts on the state.
        residual: whether it is what is added.
    """

    def __init__(self, inside: nn.Module, film: FiLM, *, residual: bool) -> None:
        super().__init__(inside, film)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """``(batch·instruments·channels, features, ...)`` to the same shape."""
        y: Tensor = self.inside(x)
        state = x + y if self.residual else y
        state = self.modulate(state.unflatten(0, (*self.codes.shape[:2], -1)))
        return state - x if self.residual else state


def asteroid_class(name: str) -> Any:
    """A network class of Asteroid's by name."""
    import_torchaudio()
    from asteroid import models

    return getattr(models, name)
