"""The note_net transcriber keeps the contract; harmonics and targets lie where physics has them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from timbresep.registry.registry import Registry
from timbresep.testing import TranscriberConformance
from timbresep.units import midi_to_hz

SPEC = Registry.load().backbone("note_net")
SMALL = {"width": 8, "blocks": 2, "head": 6, "head_blocks": 1, "embedding": 10}
RATE, HOP, LOWEST = 22_050, 1024, 21
HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 8)


class TestNoteNet(TranscriberConformance):
    spec = SPEC
    arguments = SMALL


class TestNoteNetOfManyBlocks(TranscriberConformance):
    """As deep as by default: its context is what its blocks see."""

    spec = SPEC
    arguments = {**SMALL, "blocks": 7, "head_blocks": 2}


@pytest.fixture(scope="module")
def stack() -> torch.nn.Module:
    return SPEC.build(12, **SMALL).stack


def tone(pitch: float, rate: int, seconds: float = 2.0) -> Tensor:
    """Eight harmonics of a MIDI pitch, (1, samples)."""
    time = torch.arange(round(rate * seconds)) / rate
    hz = midi_to_hz(pitch)
    return 0.1 * sum(torch.sin(2 * torch.pi * n * hz * time) for n in range(1, 9))[None]


def levels(stack: torch.nn.Module, wave: Tensor) -> Tensor:
    """(windows, harmonics, rows, frames): log magnitudes, a harmonic after another."""
    return stack(wave)[0].unflatten(0, (2, len(HARMONICS)))


def test_the_harmonics_of_a_tone_lie_in_one_column(stack: torch.nn.Module) -> None:
    found = levels(stack, tone(69, RATE))[..., 20]
    row = 3 * (69 - LOWEST) + 1
    for window in found:
        for number, level in zip(HARMONICS, window, strict=True):
            near = level[row - 6 : row + 7]
            if number >= 1:
                assert abs(int(near.argmax()) - 6) <= 1, f"harmonic {number}: a third of a semitone"
                assert level[row] > level.mean() + 2
            else:
                assert level[row] < level.max() - 1, "nothing sounds an octave below"


def test_a_transposed_tone_is_a_shifted_one(stack: torch.nn.Module) -> None:
    low, high = (levels(stack, tone(pitch, RATE))[1, ..., 20] for pitch in (69, 74))
    shifted = torch.corrcoef(torch.stack([low[:, :-15].flatten(), high[:, 15:].flatten()]))[0, 1]
    still = torch.corrcoef(torch.stack([low.flatten(), high.flatten()]))[0, 1]
    assert shifted > 0.95
    assert still < 0.5


@pytest.mark.parametrize("frame", [0, 1, 9, 20])
def test_a_frame_is_centred_on_its_sample(stack: torch.nn.Module, frame: int) -> None:
    wave = torch.zeros(1, 21 * HOP)
    wave[0, frame * HOP] = 1.0
    for window in levels(stack, wave):
        assert window.shape[-1] == 21
        assert int(window.mean(dim=(0, 1)).argmax()) == frame


def test_an_axis_ends_where_the_sample_rate_does(stack: torch.nn.Module) -> None:
    found = stack(torch.randn(1, RATE))
    assert torch.isfinite(found).all()
    highest = levels(stack, torch.randn(1, RATE))[:, -1, -1]
    assert highest.std() < 1e-6, "the eighth harmonic of the highest key lies beyond it"
