"""A second look at the mixture, knowing what the first found of the instrument in all of it.

Whether a note is the instrument's is easier to tell once its other notes have been heard. What the
first look makes of every frame is therefore summed up over the whole window, by attention, and
steers the second as the condition steers the first: through FiLM.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from timbresep.film import FiLM

HEADS = 8
SLOPE = 0.1


class SecondLook(nn.Module):
    """Attention over a window, FiLM by its summary, and a bidirectional LSTM.

    Args:
        first: features of a frame before the first look, as FiLM made them.
        state: features of a frame after it.
        hidden: LSTM units in each direction.
        layers: LSTM layers.
        bands: logits of a frame.
    """

    def __init__(self, first: int, state: int, hidden: int, layers: int, bands: int) -> None:
        super().__init__()
        if hidden % 4:
            raise ValueError(f"second must be a multiple of 4, not {hidden}")
        self.attend = nn.Linear(state, HEADS)
        self.tell = nn.Linear(state, HEADS * hidden // 4)
        self.join = nn.Linear(first + state, hidden)
        self.film = FiLM(HEADS * hidden // 4, hidden)
        self.rnn = nn.LSTM(hidden, hidden, layers, batch_first=True, bidirectional=True)
        self.decode = nn.Linear(2 * hidden, bands)

    def forward(self, first: Tensor, state: Tensor, own: Tensor) -> Tensor:
        """What to add to the first look's logits.

        Args:
            first: ``(batch, instruments, channels, frames, first)``.
            state: ``(batch, instruments, channels, frames, state)``.
            own: ``(batch, instruments, reserved)``, see `FiLM.reserve`.

        Returns:
            ``(batch, instruments, channels, frames, bands)``.
        """
        code = torch.cat([self.summary(state), own], dim=-1)
        x = self.film(self.join(torch.cat([first, state], dim=-1)), code)
        y, _ = self.rnn(leaky_relu(x, SLOPE).flatten(0, 2))
        decoded: Tensor = self.decode(leaky_relu(y, SLOPE))
        return decoded.unflatten(0, state.shape[:3])

    def summary(self, state: Tensor) -> Tensor:
        """What all frames and channels tell, ``(batch, instruments, features)``."""
        heard = state.flatten(2, 3)  # (batch, instruments, channels·frames, state)
        weight = self.attend(heard).float().softmax(dim=2).unsqueeze(-1)
        told = leaky_relu(self.tell(heard), SLOPE).unflatten(-1, (HEADS, -1)).float()
        return (weight * told).sum(dim=2).flatten(2)
