"""The spectral loss is a distance that can be followed downhill."""

from __future__ import annotations

import pytest
import torch

from timbresep.ddsp.spectral_loss import FFT_SIZES, magnitudes, multiscale_spectral_loss


def test_zero_for_equal_sounds_and_positive_for_any_others() -> None:
    torch.manual_seed(0)
    sound = torch.randn(2, 4000)
    assert multiscale_spectral_loss(sound, sound) == 0
    assert multiscale_spectral_loss(sound, 0.99 * sound) > 0
    assert multiscale_spectral_loss(sound, torch.zeros_like(sound)) > 1
    other = sound.clone()
    other[0, 2000] += 0.1
    assert multiscale_spectral_loss(sound, other) > 0


def test_phase_is_not_heard() -> None:
    sound = torch.randn(1, 4000)
    assert multiscale_spectral_loss(sound, -sound) == pytest.approx(0, abs=1e-5)


def test_the_gradient_is_finite_even_at_silence_and_points_downhill() -> None:
    time = torch.arange(8000) / 16_000
    target = torch.sin(2 * torch.pi * 440 * time)[None]
    gain = torch.tensor(0.3, requires_grad=True)
    loss = multiscale_spectral_loss(target, gain * target)
    loss.backward()
    assert gain.grad is not None
    assert gain.grad < 0
    audio = torch.zeros(1, 4000, requires_grad=True)
    multiscale_spectral_loss(target[:, :4000], audio).backward()
    assert audio.grad is not None
    assert torch.isfinite(audio.grad).all()


def test_every_sample_is_seen_at_every_scale() -> None:
    for n_fft in (2048, 64):
        last = torch.zeros(1, 1000)
        last[0, 995] = 1.0
        assert magnitudes(last, n_fft).max() > 0.01
        assert magnitudes(last, n_fft).shape == (1, -(-1000 // (n_fft // 4)), n_fft // 2 + 1)


def test_value_and_gradients_are_those_of_the_equation() -> None:
    """Also where a sound is silent, and for both sounds."""

    def equation(target: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        loss = torch.zeros((), dtype=audio.dtype)
        for n_fft in FFT_SIZES:
            wanted, given = magnitudes(target, n_fft), magnitudes(audio, n_fft)
            loss = loss + (wanted - given).abs().mean()
            logs = [torch.where(x > 0, x, 1e-5).log() for x in (wanted, given)]
            loss = loss + (logs[0] - logs[1]).abs().mean()
        return loss

    torch.manual_seed(0)
    sounds = torch.randn(2, 2, 5000, dtype=torch.float64)
    sounds[1, :, :2500] = 0
    given = [sound.requires_grad_() for sound in sounds]
    expected, found = equation(*given), multiscale_spectral_loss(*given)
    assert torch.allclose(found, expected)
    for ours, theirs in zip(
        torch.autograd.grad(3 * found, given), torch.autograd.grad(3 * expected, given), strict=True
    ):
        assert torch.allclose(ours, theirs)
