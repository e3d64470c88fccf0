"""The STFT inverts exactly, and masks sum."""

from __future__ import annotations

import pytest
import torch

from core.stft import STFT, ratio_masks


@pytest.mark.parametrize(("n_fft", "hop"), [(512, 128), (512, 256), (4096, 1024)])
@pytest.mark.parametrize("samples", [1, 511, 10_000])
def test_inverse_is_exact(n_fft: int, hop: int, samples: int) -> None:
    audio = torch.randn(2, 2, samples, generator=torch.Generator().manual_seed(0))
    stft = STFT(n_fft, hop)
    torch.testing.assert_close(stft.inverse(stft(audio), samples), audio, atol=1e-5, rtol=0)


def test_a_tone_is_in_its_bin() -> None:
    time = torch.arange(44_100) / 44_100
    spectrum = STFT(4096, 1024)(torch.sin(2 * torch.pi * 440 * time)[None])
    peak = int(spectrum.abs()[0, :, 20].argmax())
    assert abs(peak * 44_100 / 4096 - 440) < 44_100 / 4096


def test_hop_that_cannot_invert_is_refused() -> None:
    with pytest.raises(ValueError, match="hop"):
        STFT(512, 300)


def test_oracle_masks_sum_to_one_and_complementary_masks_give_the_mixture_back() -> None:
    stft = STFT(512, 128)
    stems = torch.randn(3, 2, 4000, generator=torch.Generator().manual_seed(0))
    masks = ratio_masks(stft(stems))  # (stems, channels, bins, frames)
    torch.testing.assert_close(masks.sum(dim=0), torch.ones_like(masks[0]), atol=1e-4, rtol=0)
    mixture = stems.sum(dim=0)
    separated = stft.inverse(masks * stft(mixture), 4000)
    torch.testing.assert_close(separated.sum(dim=0), mixture, atol=1e-3, rtol=0)
