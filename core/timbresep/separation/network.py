"""The conditioned network as an estimator: for a window of the mixture, every instrument's stem."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from timbresep.adaptation import plain_network
from timbresep.audio.speed import transpose, transpose_back
from timbresep.backbone import Backbone, MaskBackbone
from timbresep.running.device import device_of
from timbresep.separation.tta import SEMITONES
from timbresep.stft import STFT
from timbresep.streaming import Rows


class Network:
    """A backbone that is asked about one window after the other.

    Args:
        model: the backbone, with its weights.
        device: where to compute: cpu, cuda, mps, or auto.
        tta: passes over each window, each at another pitch; their mean is the estimate.

    Raises:
        TimbresepError: no such device.
    """

    def __init__(self, model: Backbone, device: str, tta: int) -> None:
        self.device = device_of(device)
        self.model = model.to(self.device).eval()
        self.stft = own_stft(model).to(self.device)
        self._steps = SEMITONES[:tta]

    def batch(self, window: Rows) -> Tensor:
        """A window (channels, samples) as the network takes it: (batch, model channels, samples).

        A mono network gets each channel of a stereo window as a mixture of its own.
        """
        mixture = torch.from_numpy(window).to(self.device)
        return mixture.unsqueeze(1 if len(window) > self.model.channels else 0)

    def estimate(self, mixture: Tensor, calls: Sequence[Tensor], semitones_above: float) -> Tensor:
        """The stems of all rows of all calls, (batch, rows, model channels, samples).

        Args:
            mixture: what `batch` gives.
            calls: conditions (rows, dim) each.
            semitones_above: how far the mixture is above the tuning that the network knows.
        """
        calls = [conditions.to(self.device) for conditions in calls]
        passes = [self._pass(mixture, calls, step - semitones_above) for step in self._steps]
        return passes[0] if len(passes) == 1 else torch.stack(passes).mean(dim=0)

    def _pass(self, mixture: Tensor, calls: Sequence[Tensor], semitones: float) -> Tensor:
        """One pass over the mixture, played so many semitones higher."""
        rate, samples = self.model.sample_rate, mixture.shape[-1]
        if semitones:
            rows = mixture.flatten(0, 1).cpu().numpy()
            shifted = torch.from_numpy(transpose(rows, rate, semitones)).to(self.device)
            mixture = shifted.reshape(*mixture.shape[:2], -1)
        parts = (self.model(mixture, c.expand(len(mixture), -1, -1)) for c in calls)
        stems = torch.cat(list(parts), dim=1)
        if not semitones:
            return stems
        flat = stems.flatten(0, 2).float().cpu().numpy()
        back = torch.from_numpy(transpose_back(flat, rate, semitones, samples))
        return back.to(self.device).reshape(*stems.shape[:3], samples)


def own_stft(model: Backbone) -> STFT:
    """The network's own transform where it has one: no other suits its stems better."""
    network = plain_network(model)
    if isinstance(network, MaskBackbone):
        return STFT(network.stft.n_fft, network.stft.hop)
    return STFT(2048, 512)
