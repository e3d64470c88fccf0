"""The refinement stage: a second estimate that knows what the first found in the whole window.

It is easier to tell whether a note is the instrument's once its other notes are known. So attention
sums up the states of the first stage over all frames, and the summary steers the second stage as
the condition steers the first: through FiLM.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from timbresep.film import FiLM

HEADS = 8
SLOPE = 0.1


class Refinement(nn.Module):
    """Attention over a window, FiLM by its summary, and a bidirectional LSTM.

    Args:
        features: values of a frame before the first stage's LSTM, as FiLM made them.
        state: values of a frame after the first stage.
        hidden: LSTM units in each direction.
        layers: LSTM layers.
        bands: logits of a frame.
    """

    def __init__(self, features: int, state: int, hidden: int, layers: int, bands: int) -> None:
        super().__init__()
        if hidden % 4:
            raise ValueError(f"refinement must be a multiple of 4, not {hidden}")
        self.attend = nn.Linear(state, HEADS)
        self.tell = nn.Linear(state, HEADS * hidden // 4)
        self.join = nn.Linear(features + state, hidden)
        self.film = FiLM(HEADS * hidden // 4, hidden)
        self.rnn = nn.LSTM(hidden, hidden, layers, batch_first=True, bidirectional=True)
        self.decode = nn.Linear(2 * hidden, bands)

    def forward(self, features: Tensor, state: Tensor) -> Tensor:
        """What to add to the first stage's logits.

        Args:
            features: ``(batch, instruments, channels, frames, features)``.
            state: ``(batch, instruments, channels, frames, state)``.

        Returns:
            ``(batch, instruments, channels, frames, bands)``.
        """
        x = self.film(self.join(torch.cat([features, state], dim=-1)), self.summary(state))
        y, _ = self.rnn(leaky_relu(x, SLOPE).flatten(0, 2))
        decoded: Tensor = self.decode(leaky_relu(y, SLOPE))
        refined: Tensor = decoded.unflatten(0, state.shape[:3])
        return refined

    def summary(self, state: Tensor) -> Tensor:
        """What all frames and channels tell, ``(batch, instruments, values)``."""
        frames = state.flatten(2, 3)  # (batch, instruments, channels·frames, state)
        weight = self.attend(frames).float().softmax(dim=2).unsqueeze(-1)
        told = leaky_relu(self.tell(frames), SLOPE).unflatten(-1, (HEADS, -1)).float()
        gathered: Tensor = (weight * told).sum(dim=2).flatten(2)
        return gathered
