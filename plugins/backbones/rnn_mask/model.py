"""A recurrent mask network that a timbre vector steers through FiLM.

magnitude → bands → normalisation over frequency → fully connected → FiLM → bidirectional LSTM →
fully connected → FiLM → mask, and a refinement stage if asked for (`refinement.py`). Everything up
to the first FiLM runs once a mixture. Each channel of a stereo mixture is masked on its own, so a
mono mixture is no special case.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from timbresep.backbone import MaskBackbone
from timbresep.film import ConditionEncoder, FiLM

from . import Arguments
from .refinement import Refinement

SAMPLE_RATE = 44_100
MAX_CHANNELS = 2
FLOOR = 1e-4  # magnitudes below it count as silence (about -80 dB for a sine of amplitude 1e-3)


def band_of_bin(bins: int, bands: int) -> Tensor:
    """Which band each STFT bin belongs to.

    Low bins, where partials lie close, keep a band each; above, bands widen in proportion to
    frequency, as the ear's do.

    Args:
        bins: number of STFT bins.
        bands: number of bands; at least `bins` means one band a bin.

    Returns:
        Band indices ``(bins,)``, non-decreasing from 0 to ``bands - 1``.
    """
    if bands >= bins:
        return torch.arange(bins)
    # Widths max(1, bin / q): bisect q until the bins fill exactly `bands` bands or just fewer.
    low, high = 1.0, float(bins)
    for _ in range(50):
        q = (low + high) / 2
        edges = _edges(bins, q)
        low, high = (q, high) if len(edges) < bands else (low, q)
    edges = _edges(bins, low)
    index = torch.zeros(bins, dtype=torch.long)
    index[torch.tensor(edges[1:], dtype=torch.long)] = 1
    return index.cumsum(0)


def _edges(bins: int, q: float) -> list[int]:
    """First bin of every band when a band at bin `b` is ``max(1, b / q)`` bins wide."""
    edges, position = [], 0.0
    while position < bins:
        edges.append(int(position))
        position += max(1.0, position / q)
    return edges


class RnnMask(MaskBackbone):
    """A recurrent mask network.
    Args:
        condition_dim: length of a condition vector.
        arguments: sizes.

    Shape:
        - mixture: ``(batch, channels, samples)``, one or two channels
        - conditions: ``(batch, instruments, condition_dim)``
        - output: ``(batch, instruments, channels, samples)``

    Raises:
        ValueError: a size that cannot be.
    """

    def __init__(self, condition_dim: int, arguments: Arguments) -> None:
        super().__init__(arguments.n_fft, arguments.hop)
        bands, width, hidden = arguments.bands, arguments.width, arguments.hidden
        if bands < 1 or width < 1:
            raise ValueError(f"bands and width must be positive, not {bands} and {width}")
        index = band_of_bin(self.stft.bins, bands)
        self.register_buffer("band", index, persistent=False)
        if arguments.films not in (1, 2):
            raise ValueError(f"films must be 1 or 2, not {arguments.films}")
        self.sample_rate, self.channels = SAMPLE_RATE, MAX_CHANNELS
        self.condition_dim = condition_dim
        self.causal = False
        self.chunk, self.context = 10 * SAMPLE_RATE, SAMPLE_RATE
        self.bands = int(index[-1]) + 1
        self.register_buffer("bins_in_band", index.bincount().float(), persistent=False)
        self.normalise = nn.BatchNorm1d(self.bands)
        self.encode = nn.Linear(self.bands, width)
        code = arguments.embedding or condition_dim  # values that FiLM gets
        self.encode_condition = (
            ConditionEncoder(condition_dim, code) if arguments.embedding else None
        )
        self.film = FiLM(code, width)
        layers = arguments.layers
        self.rnn = nn.LSTM(width, hidden, layers, batch_first=True, bidirectional=True)
        self.join = nn.Linear(2 * hidden + width, 2 * width)
        self.film_after = FiLM(code, 2 * width) if arguments.films == 2 else None
        self.decode = nn.Linear(2 * width, self.bands)
        units = arguments.refinement
        self.refinement = Refinement(width, 2 * width, units, layers, self.bands) if units else None

    band: Tensor
    bins_in_band: Tensor

    def trunk(self, magnitude: Tensor) -> Tensor:
        """``(batch, channels, bins, frames)`` to ``(batch, 1, channels, frames, width)``."""
        batch, channels, _, frames = magnitude.shape
        x = magnitude.new_zeros(batch, channels, self.bands, frames)
        x = x.index_add(2, self.band, magnitude) / self.bins_in_band[:, None]
        x = (x + FLOOR).log10()
        x = self.normalise(x.flatten(0, 1))  # (batch·channels, bands, frames)
        encoded: Tensor = self.encode(x.transpose(1, 2))
        features: Tensor = encoded.unflatten(0, (batch, 1, channels))
        return features

    def masks(self, features: Tensor, conditions: Tensor) -> Tensor:
        """``trunk``'s features to ``(batch, instruments, channels, bands, frames)``."""
        if self.encode_condition is not None:
            conditions = self.encode_condition(conditions)
        x = leaky_relu(self.film(features, conditions), 0.1)
        # Every instrument and channel is a sequence: (batch·instruments·channels, frames, width)
        y, _ = self.rnn(x.flatten(0, 2))
        state = self.join(torch.cat([x, y.unflatten(0, x.shape[:3])], dim=-1))
        if self.film_after is not None:
            state = self.film_after(state, conditions)
        state = leaky_relu(state, 0.1)
        logits = self.decode(state)
        if self.refinement is not None:
            logits = logits + self.refinement(x, state)
        masks: Tensor = logits.sigmoid().transpose(
            -1, -2
        )  # (batch, instruments, channels, bands, frames)
        return masks
