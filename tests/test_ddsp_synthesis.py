"""The synthesiser obeys physics: pitch, Nyquist, time constants, colour of noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from timbresep.ddsp import synthesis

RATE = 16_000


def tone(f0_hz: float, seconds: float, shares: list[float], rate: int = 250) -> torch.Tensor:
    frames = round(seconds * rate)
    f0 = torch.full((1, frames, 1), f0_hz)
    distribution = torch.tensor(shares).expand(1, frames, -1)
    return synthesis.harmonic_oscillators(
        f0, torch.ones(1, frames, 1), distribution, frames * RATE // rate, RATE
    )[0]


def peak_hz(audio: torch.Tensor) -> float:
    """Frequency of the strongest component, by a zero-padded FFT."""
    n_fft = 1 << 19
    window = torch.hann_window(len(audio))
    return float(torch.fft.rfft(audio * window, n=n_fft).abs().argmax()) * RATE / n_fft


def test_exp_sigmoid_is_positive_bounded_and_tenfold_per_unit() -> None:
    x = torch.tensor([-200.0, -20.0, 0.0, 20.0])
    y = synthesis.exp_sigmoid(x)
    assert torch.isfinite(y).all()
    assert y[0] == pytest.approx(1e-7, rel=1e-3)
    assert y[2] == pytest.approx(2 * 0.5 ** math.log(10), rel=1e-5)
    assert y[3] == pytest.approx(2.0, rel=1e-5)
    slope = synthesis.exp_sigmoid(torch.tensor(-4.0)) / synthesis.exp_sigmoid(torch.tensor(-5.0))
    assert slope == pytest.approx(10, rel=0.05)


def test_harmonics_at_and_above_nyquist_are_zero_and_the_rest_sums_to_one() -> None:
    f0 = torch.tensor([[[1000.0], [3000.0], [9000.0]]])
    shares = synthesis.remove_above_nyquist(torch.ones(1, 3, 60), f0, RATE)
    assert (shares > 0).sum(-1).tolist() == [[7, 2, 0]]  # 8 kHz itself is not below Nyquist
    total = synthesis.normalize_harmonics(shares).sum(-1)
    assert torch.allclose(total, torch.tensor([[1.0, 1.0, 0.0]]))


def test_a_440_hz_tone_has_its_energy_within_1_hz_of_440() -> None:
    audio = tone(440.0, 2.0, [1.0])
    assert abs(peak_hz(audio) - 440) < 0.1
    power = torch.fft.rfft(audio * torch.hann_window(len(audio))).abs().square()  # 0.5 Hz a bin
    assert power[878:883].sum() / power.sum() > 0.999
    assert audio.abs().max() == pytest.approx(1.0, abs=1e-3)


def test_harmonics_lie_at_multiples_with_their_shares() -> None:
    spectrum = torch.fft.rfft(tone(500.0, 1.0, [0.6, 0.0, 0.4])).abs() / (RATE / 2)
    assert spectrum[[500, 1000, 1500]].tolist() == pytest.approx([0.6, 0.0, 0.4], abs=2e-3)


def test_a_minute_stays_in_tune() -> None:
    audio = tone(439.7, 60.0, [1.0])
    time = np.arange(len(audio) - RATE, len(audio)) + 1
    expected = np.sin(2 * np.pi * np.float32(439.7).astype(float) * time / RATE)
    assert np.abs(audio[-RATE:].numpy() - expected).max() < 1e-3


def test_a_harmonic_that_glides_past_nyquist_falls_silent() -> None:
    f0 = torch.linspace(3000, 5000, 250)[None, :, None]
    shares = torch.tensor([0.0, 1.0]).expand(1, 250, 2)
    audio = synthesis.harmonic_oscillators(f0, torch.ones(1, 250, 1), shares, RATE, RATE)[0]
    assert audio[: RATE // 2 - 200].abs().max() > 0.9
    assert audio[RATE // 2 + 200 :].abs().max() == 0


@pytest.mark.parametrize("smooth", [False, True])
def test_upsampling_passes_through_the_frames_and_keeps_constants(smooth: bool) -> None:
    frames = torch.rand(2, 5, 3)
    samples = synthesis.upsample(frames, 40, smooth=smooth)
    assert torch.allclose(samples[:, ::8], frames)
    assert torch.equal(
        synthesis.upsample(torch.ones(1, 4, 1), 32, smooth=smooth), torch.ones(1, 32, 1)
    )
    with pytest.raises(ValueError, match="whole number"):
        synthesis.upsample(frames, 41, smooth=smooth)


def test_noise_has_the_colour_of_its_magnitudes_and_a_seed() -> None:
    magnitudes = torch.zeros(1, 250, 65)
    magnitudes[..., 16:32] = 1.0  # 2 to 4 kHz
    audio = synthesis.filtered_noise(magnitudes, RATE, torch.Generator().manual_seed(1))[0]
    power = torch.fft.rfft(audio).abs().square()
    assert power[1900:4100].sum() / power.sum() > 0.98
    again = synthesis.filtered_noise(magnitudes, RATE, torch.Generator().manual_seed(1))[0]
    assert torch.equal(audio, again)
    assert audio.shape == (RATE,)


def test_flat_unit_magnitudes_return_the_signal_with_a_constant_delay() -> None:
    blocks = torch.randn(1, 20, 64)
    out = synthesis.filter_frames(blocks, torch.ones(1, 20, 65))[0]
    assert torch.allclose(out[2:], blocks.flatten()[:-2], atol=1e-5)


def plainly(
    f0_hz: torch.Tensor, amplitude: torch.Tensor, shares: torch.Tensor, samples: int
) -> torch.Tensor:
    """Equations 1 to 4 of Engel et al. written down: every harmonic at every sample."""
    f0 = synthesis.upsample(f0_hz, samples).double()  # (batch, samples, 1)
    hz = f0 * torch.arange(1, shares.shape[-1] + 1)
    heights = synthesis.upsample(amplitude * shares, samples, smooth=True)
    phases = 2 * math.pi * torch.cumsum(hz / RATE, dim=1)
    return (heights * torch.sin(phases) * (hz < RATE / 2)).sum(-1).to(shares.dtype)


@pytest.mark.parametrize("grad", [False, True])
def test_the_bank_is_its_equation(grad: bool) -> None:
    """Steady, gliding through Nyquist, vibrato near it, high and low; in more than one block."""
    time = torch.linspace(0, 1, 300)
    f0 = torch.stack([50 + 0 * time, 100 * 60**time, 1300 + 60 * torch.sin(60 * time)])[..., None]
    shares = torch.softmax(torch.randn(3, 300, 60, generator=torch.Generator().manual_seed(0)), -1)
    amplitude = torch.rand(3, 300, 1, generator=torch.Generator().manual_seed(1))
    given = [value.requires_grad_(grad) for value in (f0, amplitude, shares)]
    with torch.set_grad_enabled(grad):
        audio = synthesis.harmonic_oscillators(*given, 300 * 64, RATE)
        expected = plainly(*given, 300 * 64)
    assert (audio - expected).abs().max() < 1e-4
    if grad:
        upstream = torch.randn(audio.shape, generator=torch.Generator().manual_seed(2))
        for ours, theirs in zip(
            torch.autograd.grad(audio, given, upstream),
            torch.autograd.grad(expected, given, upstream),
            strict=True,
        ):
            assert (ours - theirs).abs().max() < 1e-3 * theirs.abs().max()


def test_a_pitch_of_zero_is_silence_and_ends_without_an_offset() -> None:
    assert (tone(0.0, 0.2, [0.5, 0.5]) == 0).all()
    f0 = torch.full((1, 100, 1), 437.0)
    f0[:, 40:70] = 0.0
    one = torch.ones(1, 100, 1)
    audio = synthesis.harmonic_oscillators(f0, one, one, 6400, RATE)[0]
    assert audio[64 * 40 : 64 * 69].abs().max() == 0
    assert audio[: 64 * 39].abs().max() > 0.99
    assert audio[64 * 71 :].abs().max() > 0.99


def test_everything_is_differentiable() -> None:
    f0 = torch.full((1, 4, 1), 300.0, requires_grad=True)
    shares = torch.rand(1, 4, 5, requires_grad=True)
    noise = torch.rand(1, 4, 65, requires_grad=True)
    audio = synthesis.harmonic_oscillators(f0, torch.ones(1, 4, 1), shares, 256, RATE)
    (audio + synthesis.filtered_noise(noise, 256)).square().sum().backward()
    for value in (f0, shares, noise):
        assert value.grad is not None
        assert torch.isfinite(value.grad).all()
        assert value.grad.abs().sum() > 0
