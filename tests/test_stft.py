"""The STFT inverts exactly, and masks sum."""

from __future__ import annotations

import pytest
import torch

from timbresep.joint_mask import consistent_spectra, ratio_masks
from timbresep.stft import STFT


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


def test_estimates_that_share_a_mixture_sum_to_it_even_where_none_claims_anything() -> None:
    stft = STFT(512, 128)
    draw = torch.Generator().manual_seed(0)
    mixture, stems = torch.randn(2, 1, 4000, generator=draw), torch.randn(2, 3, 1, 4000)
    stems[:, :, :, 1000:3000] = 0
    shared = stft.inverse(consistent_spectra(stft(mixture), stft(stems)), 4000)
    torch.testing.assert_close(shared.sum(dim=1), mixture, atol=1e-4, rtol=0)


def test_a_timid_estimate_gets_what_nobody_else_claims() -> None:
    time = torch.arange(8000) / 8000
    low, high = (torch.sin(2 * torch.pi * hz * time) for hz in (440.0, 1600.0))
    stft = STFT(512, 128)
    mixture = (low + high)[None, None]
    estimates = torch.stack([0.2 * low + 0.02 * high, 0.9 * high + 0.01 * low])[None, :, None]
    shared = stft.inverse(consistent_spectra(stft(mixture), stft(estimates)), 8000)[0, :, 0]
    for target, estimate in zip((low, high), shared, strict=True):
        inner = slice(500, -500)
        error = (estimate - target)[inner].square().mean() / target[inner].square().mean()
        assert 10 * error.log10() < -20, "within 20 dB, though the first asked for a fifth of it"


@pytest.mark.parametrize(
    ("n_fft", "hop"), [(512, -1), (512, 0), (0, 1), (-512, 256), (1 << 27, 1 << 26), (4096, 1)]
)
def test_windows_and_hops_that_cannot_be_are_refused(n_fft: int, hop: int) -> None:
    with pytest.raises(ValueError, match="n_fft"):
        STFT(n_fft, hop)
