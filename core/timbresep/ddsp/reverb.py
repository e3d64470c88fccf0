"""The room: one impulse response for all of a model's notes, learned with the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SPREAD = 1e-6
"""Standard deviation of an untrained impulse response: as good as no room."""


class Reverb(nn.Module):
    """Convolution with a learned impulse response, added to the dry sound.

    Engel et al. 2020, section 3.4; as ``Reverb(trainable=True, add_dry=True)`` of ddsp 3.7: the
    response's first sample is taken for zero, so that only the sum's dry part is direct sound.

    Args:
        length: samples of the impulse response.
    """

    def __init__(self, length: int) -> None:
        super().__init__()
        self.impulse_response = nn.Parameter(torch.empty(length))
        nn.init.normal_(self.impulse_response, std=SPREAD)

    def forward(self, audio: Tensor) -> Tensor:
        """Add the room.

        Args:
            audio: dry (batch, samples).

        Returns:
            (batch, samples); what still sounds after the end is cut off.
        """
        samples = audio.shape[-1]
        late = self.impulse_response[1:samples]  # the rest would come after the end
        n_fft = fast_length(samples + len(late))
        spectrum = torch.fft.rfft(audio, n=n_fft) * torch.fft.rfft(late, n=n_fft)
        wet = torch.fft.irfft(spectrum, n=n_fft)[..., : samples - 1]  # one sample late
        return audio + nn.functional.pad(wet, (1, 0))


def fast_length(least: int) -> int:
    """The smallest length from ``least`` on that FFTs take quickly: 2ⁿ, 3 · 2ⁿ or 5 · 2ⁿ."""
    sizes = (odd << max((-(-least // odd) - 1).bit_length(), 0) for odd in (1, 3, 5))
    return min(sizes)
