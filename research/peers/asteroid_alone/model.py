"""Asteroid's ConvTasNet, trained for one instrument: no condition reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from timbresep.backbone import Backbone
from timbresep.torchaudio_shim import import_torchaudio

SAMPLE_RATE = 44_100


class AsteroidAlone(Backbone):
    """Asteroid's ConvTasNet for each channel, whatever the condition.

    Args:
        condition_dim: length of the condition vectors that it leaves aside.
        arguments: of Asteroid's class.
    """

    def __init__(self, condition_dim: int, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        import_torchaudio()
        from asteroid.models import ConvTasNet

        self.sample_rate, self.channels, self.causal = SAMPLE_RATE, 2, False
        self.condition_dim = condition_dim
        self.chunk, self.context = 10 * SAMPLE_RATE, SAMPLE_RATE
        self.network: Any = ConvTasNet(1, sample_rate=SAMPLE_RATE, skip_chan=None, **arguments)

    def forward(self, mixture: Tensor, conditions: Tensor) -> Tensor:
        """The same stem for every condition."""
        samples, kernel = mixture.shape[-1], self.network.encoder.filterbank.kernel_size
        padded = nn.functional.pad(mixture, (kernel, 2 * kernel)).flatten(0, 1).unsqueeze(1)
        with torch.autocast(mixture.device.type, enabled=False):
            encoded = self.network.forward_encoder(padded.float())
        masks = self.network.forward_masker(encoded).float()
        with torch.autocast(mixture.device.type, enabled=False):
            masked = self.network.apply_masks(encoded, masks)
            stem: Tensor = self.network.forward_decoder(masked)[..., kernel : kernel + samples]
        stem = stem.reshape(len(mixture), 1, *mixture.shape[1:])
        return stem.expand(-1, conditions.shape[1], -1, -1)
