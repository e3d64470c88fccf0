"""The decoder: pitch and loudness in, synthesiser controls out.

The structure and names are those of ``RnnFcDecoder`` in Magenta's ddsp 3.7 (Engel et al. 2020,
appendix B.2): one fully connected stack an input, a GRU, a stack over the GRU's output beside its
inputs, and one linear layer whose output is split into the controls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from timbresep.ddsp import synthesis

LOUDNESS_RANGE = 80.0
"""dB of loudness that are scaled to the unit interval."""

NOISE_BIAS = -5.0
"""Added to raw noise magnitudes, so that training starts with little noise."""

MOST = 10_000_000
"""Highest value of any size."""

FASTEST, MOST_FRAMES = 192_000, 500
"""Highest rates that there is a use for, of audio (Hz) and of controls (frames a second)."""


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of a decoder.

    Attributes:
        rnn_channels: width of the GRU.
        channels: width of the fully connected layers.
        layers_per_stack: layers in each stack; 0 leaves the stacks out.
        n_harmonics: harmonics synthesised, the fundamental included.
        n_noise: noise magnitudes, equally spaced from 0 Hz to Nyquist.
        sample_rate: of the audio, Hz.
        frame_rate: of the controls, Hz; divides the sample rate.
        reverb_length: samples of the learned impulse response; 0 for a dry model.

    Raises:
        ValueError: a size that is no whole number or cannot be.
    """

    rnn_channels: int = 128
    channels: int = 128
    layers_per_stack: int = 1
    n_harmonics: int = 60
    n_noise: int = 65
    sample_rate: int = 16_000
    frame_rate: int = 250
    reverb_length: int = 0

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            least = 0 if name in ("layers_per_stack", "reverb_length") else 1
            if type(size) is not int or not least <= size <= MOST:
                raise ValueError(f"{name} must be a whole number from {least}, not {size!r}")
        if self.sample_rate > FASTEST or self.sample_rate % self.frame_rate:
            raise ValueError(f"{self.frame_rate} frames a second at {self.sample_rate} Hz")
        if self.frame_rate > MOST_FRAMES:
            raise ValueError(f"frame_rate must be at most {MOST_FRAMES}, not {self.frame_rate}")

    @property
    def hop(self) -> int:
        """Samples a frame."""
        return self.sample_rate // self.frame_rate


class Controls(NamedTuple):
    """What the synthesiser plays, per frame.

    Attributes:
        amplitude: overall amplitude of the harmonics (batch, frames, 1).
        distribution: share of each harmonic, summing to 1 (batch, frames, n_harmonics).
        noise: magnitudes of the noise filter (batch, frames, n_noise).
    """

    amplitude: Tensor
    distribution: Tensor
    noise: Tensor


def hz_to_midi(f0_hz: Tensor) -> Tensor:
    """MIDI note numbers of frequencies in Hz, any shape; 0 for those that are not positive."""
    midi = 69.0 + 12.0 * torch.log2(f0_hz.clamp_min(1e-5) / 440.0)
    return torch.where(f0_hz > 0, midi, torch.zeros_like(midi))


class FcStack(nn.Sequential):
    """Layers of Dense → LayerNorm → LeakyReLU, with Keras's constants (ε = 1e-3, slope 0.2)."""

    def __init__(self, n_in: int, channels: int, layers: int) -> None:
        parts: list[nn.Module] = []
        for layer in range(layers):
            parts += [
                nn.Linear(n_in if layer == 0 else channels, channels),
                nn.LayerNorm(channels, eps=1e-3),
                nn.LeakyReLU(0.2),
            ]
        super().__init__(*parts)
        self.n_out = channels if layers else n_in


class Decoder(nn.Module):
    """Predict controls from fundamental and loudness.

    Args:
        config: sizes.
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.splits = [1, config.n_harmonics, config.n_noise]

        def stack(n_in: int) -> FcStack:
            return FcStack(n_in, config.channels, config.layers_per_stack)

        loudness, pitch = stack(1), stack(1)
        width = loudness.n_out + pitch.n_out
        self.input_stacks = nn.ModuleList([loudness, pitch])
        self.rnn = nn.GRU(width, config.rnn_channels, batch_first=True)
        self.out_stack = stack(width + config.rnn_channels)
        self.dense_out = nn.Linear(self.out_stack.n_out, sum(self.splits))

    def raw(self, f0_hz: Tensor, loudness_db: Tensor) -> Controls:
        """The network's outputs before any scaling.

        Args:
            f0_hz: (batch, frames, 1).
            loudness_db: (batch, frames, 1).

        Returns:
            What becomes the controls: shaped like them, unbounded.
        """
        scaled = (loudness_db / LOUDNESS_RANGE + 1.0, hz_to_midi(f0_hz) / 127.0)
        inputs = [
            stack(value) for stack, value in zip(self.input_stacks, scaled, strict=True)
        ]  # each (batch, frames, channels)
        hidden, _ = self.rnn(torch.cat(inputs, dim=-1))  # (batch, frames, rnn_channels)
        output = self.out_stack(torch.cat([*inputs, hidden], dim=-1))
        return Controls(*self.dense_out(output).split(self.splits, dim=-1))

    def forward(self, f0_hz: Tensor, loudness_db: Tensor) -> Controls:
        """Controls for each frame: raw output → exp-sigmoid → above Nyquist zero → normalised.

        Args:
            f0_hz: fundamental in Hz, 0 for no pitch (batch, frames, 1).
            loudness_db: A-weighted loudness in dB (batch, frames, 1).
        """
        amplitude, distribution, noise = self.raw(f0_hz, loudness_db)
        distribution = synthesis.remove_above_nyquist(
            synthesis.exp_sigmoid(distribution), f0_hz, self.config.sample_rate
        )
        return Controls(
            synthesis.exp_sigmoid(amplitude),
            synthesis.normalize_harmonics(distribution),
            synthesis.exp_sigmoid(noise + NOISE_BIAS),
        )
