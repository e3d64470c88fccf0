"""The SNR loss: known values, a ceiling, absent targets; of masks as of waveforms."""

from __future__ import annotations

import pytest
import torch

from timbresep.losses import complete, mask_loss, thresholded_snr_loss, waveform_loss
from timbresep.stft import STFT


def tone(amplitude: float) -> torch.Tensor:
    return amplitude * torch.sin(torch.arange(4000) / 7).expand(1, 1, 1, 4000)


def test_error_at_a_tenth_is_minus_20_db() -> None:
    loss = thresholded_snr_loss(0.9 * tone(1), tone(1), tone(1)[:, 0], ceiling_db=80)
    assert loss.item() == pytest.approx(-20, abs=0.01)


def test_silence_scores_zero_and_perfection_the_ceiling() -> None:
    mixture = tone(2)[:, 0]
    assert thresholded_snr_loss(0 * tone(1), tone(1), mixture).item() == pytest.approx(0, abs=0.01)
    assert thresholded_snr_loss(tone(1), tone(1), mixture).item() == pytest.approx(-30, abs=0.01)


def test_leak_of_an_absent_target_is_measured_against_the_mixture() -> None:
    mixture = tone(1)[:, 0]
    leak = tone(0.1).requires_grad_()
    loss = thresholded_snr_loss(leak, 0 * tone(1), mixture, absent_ceiling_db=80)
    assert loss.item() == pytest.approx(-20, abs=0.1)
    (gradient,) = torch.autograd.grad(loss.sum(), leak)
    assert (gradient * leak).sum() > 0, "less leak is better"


def test_all_silent_is_finite() -> None:
    estimate = (0 * tone(1)).requires_grad_()
    loss = thresholded_snr_loss(estimate, 0 * tone(1), 0 * tone(1)[:, 0])
    (gradient,) = torch.autograd.grad(loss.sum(), estimate)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(gradient).all()


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_masks_that_only_scale_lose_what_their_waveforms_lose(weight: float) -> None:
    stft = STFT(512, 256)
    targets = noise(2, 3, 1, 20_000)
    mixture = targets.sum(dim=1)
    mixture[1] += noise(1, 19_000 + 1000)  # not all of the second is asked for
    gains = torch.tensor([0.2, 0.3, 0.6])[None, :, None, None, None]
    mask = gains.expand(2, 3, 1, stft.bins, stft(mixture).shape[-1])
    ours = mask_loss(mask, targets, mixture, stft=stft, consistency_weight=weight)
    estimate = gains[..., 0] * mixture.unsqueeze(1)
    theirs = waveform_loss(estimate, targets, mixture, weight)
    assert ours.item() == pytest.approx(theirs.item(), abs=0.05)


def test_the_loss_of_band_masks_is_that_of_the_masked_spectra() -> None:
    stft, band = STFT(512, 256), torch.arange(257) // 3
    targets, rest = noise(2, 2, 2, 9000), noise(2, 2, 9001)[..., :9000]
    mixture = targets.sum(dim=1) + rest
    spectrum = stft(mixture)
    mask = torch.rand(2, 2, 2, 86, spectrum.shape[-1])
    error = (mask.index_select(-2, band) * spectrum[:, None] - stft(targets)).abs().square()
    power = stft(targets).abs().square().sum(dim=(2, 3, 4))
    expected = 10 * (error.sum(dim=(2, 3, 4)) / power + 1e-3).log10().mean()
    loss = mask_loss(mask, targets, mixture, stft=stft, band=band)
    assert loss.item() == pytest.approx(expected.item(), abs=0.05)


def test_consistency_is_asked_only_where_all_that_sounds_is() -> None:
    targets = noise(2, 3, 1, 4000)
    mixture = targets.sum(dim=1)
    mixture[1] += 0.1 * noise(1, 4000)
    assert complete(targets, mixture).tolist() == [True, False]
    assert complete(0 * targets, 0 * mixture).tolist() == [True, True]
