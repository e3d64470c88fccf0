"""The reverb is a plain convolution, learned, and beside the dry sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.reverb import Reverb, fast_length
from timbresep.ddsp.training import SIZES

TINY = DecoderConfig(rnn_channels=8, channels=8, n_harmonics=8, n_noise=9, reverb_length=500)


@pytest.mark.parametrize(("samples", "length"), [(700, 300), (300, 700), (256, 256), (5, 1)])
def test_it_convolves_and_keeps_the_length(samples: int, length: int) -> None:
    torch.manual_seed(0)
    reverb, audio = Reverb(length), torch.randn(2, samples)
    with torch.no_grad():
        reverb.impulse_response.normal_()
    response = reverb.impulse_response.detach().numpy().copy()
    response[0] = 1.0  # the dry sound, whatever the parameter says
    expected = [np.convolve(row, response)[:samples] for row in audio.numpy()]
    assert reverb(audio).detach().numpy() == pytest.approx(np.array(expected), abs=1e-4)


def test_it_begins_as_no_room_and_every_sample_but_the_first_is_learned() -> None:
    torch.manual_seed(0)
    reverb, audio = Reverb(400), torch.randn(1, 900)
    assert torch.allclose(reverb(audio), audio, atol=1e-3)
    assert 0 < reverb.impulse_response.std() < 2e-6
    reverb(audio).square().sum().backward()
    gradient = reverb.impulse_response.grad
    assert gradient is not None
    assert gradient[0] == 0
    assert (gradient[1:] != 0).all()


def test_a_model_plays_in_its_room_or_dry_and_keeps_the_room(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = DdspModel(TINY).eval()
    assert model.reverb is not None
    with torch.no_grad():
        model.reverb.impulse_response.normal_(0, 0.1)
    model.save(tmp_path / "m.safetensors", {})
    again = DdspModel.load(tmp_path / "m.safetensors")
    assert again.reverb is not None
    assert "reverb.impulse_response" in again.state_dict()
    assert torch.allclose(
        again.reverb.impulse_response, model.reverb.impulse_response, rtol=1e-3, atol=1e-6
    )
    given = (torch.full((1, 25), 220.0), torch.full((1, 25), -25.0))
    dry = model(*given, torch.Generator().manual_seed(1), dry=True)
    wet = model(*given, torch.Generator().manual_seed(1))
    assert torch.allclose(model.reverb(dry), wet)
    assert not torch.allclose(dry, wet, atol=1e-3)


def test_a_dry_model_has_no_reverb_parameter() -> None:
    assert not [k for k in DdspModel(replace(TINY, reverb_length=0)).state_dict() if "reverb" in k]


def test_full_is_solo_instrument() -> None:
    """Two stacks of 529,408, GRU 2,362,368, stack 1,315,328, output 64,638, reverb 48,000."""
    counted = sum(value.numel() for value in DdspModel(SIZES["full"]).parameters())
    assert counted == 4_849_150


@pytest.mark.parametrize("least", [1, 2, 3, 100, 191, 64_000, 112_000])
def test_fft_lengths_are_enough_and_not_wasteful(least: int) -> None:
    assert least <= fast_length(least) <= max(1.34 * least, least + 1)
