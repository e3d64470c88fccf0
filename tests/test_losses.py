"""The SNR loss: known values, a ceiling, absent targets."""

from __future__ import annotations

import pytest
import torch

from core.losses import thresholded_snr_loss


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
