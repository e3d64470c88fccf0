"""Differentiable synthesis: harmonic oscillators and filtered noise, in torch only.

Equations and conventions are those of Engel et al., "DDSP: Differentiable Digital Signal
Processing" (ICLR 2020), section 3, and of Magenta's ddsp 3.7 where the paper leaves a choice.
Controls are given per frame; a frame lasts ``n_samples / frames`` samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

LN10 = math.log(10.0)

BLOCK = 256
"""Frames whose oscillators are in memory at once: what the processor's cache holds."""


def exp_sigmoid(x: Tensor) -> Tensor:
    """Map a network output to a positive amplitude, ``2 σ(x)^ln 10 + 1e-7``.

    Around and below zero the result falls tenfold for each unit of ``x``, which suits amplitudes
    (Engel et al. 2020, equation 5).

    Args:
        x: any shape.

    Returns:
        Same shape, in (1e-7, 2 + 1e-7].
    """
    return 2.0 * torch.exp(LN10 * functional.logsigmoid(x)) + 1e-7


def harmonic_frequencies(f0_hz: Tensor, n_harmonics: int) -> Tensor:
    """Integer multiples of the fundamental.

    Args:
        f0_hz: fundamental in Hz (..., 1).
        n_harmonics: how many, the fundamental included.

    Returns:
        Frequencies in Hz (..., n_harmonics).
    """
    numbers = torch.arange(1, n_harmonics + 1, device=f0_hz.device, dtype=f0_hz.dtype)
    return f0_hz * numbers


def remove_above_nyquist(amplitudes: Tensor, f0_hz: Tensor, sample_rate: int) -> Tensor:
    """Set the harmonics at or above half the sample rate to zero: they would alias.

    Args:
        amplitudes: one a harmonic (..., n_harmonics).
        f0_hz: fundamental in Hz (..., 1).
        sample_rate: Hz.

    Returns:
        Amplitudes (..., n_harmonics).
    """
    audible = harmonic_frequencies(f0_hz, amplitudes.shape[-1]) < sample_rate / 2
    return amplitudes * audible.to(amplitudes.dtype)


def normalize_harmonics(amplitudes: Tensor) -> Tensor:
    """Scale amplitudes over harmonics to sum to 1; all-zero rows stay zero.

    Args:
        amplitudes: non-negative (..., n_harmonics).

    Returns:
        A distribution over harmonics (..., n_harmonics).
    """
    total = amplitudes.sum(dim=-1, keepdim=True)
    return amplitudes / torch.where(total == 0, torch.ones_like(total), total)


def upsample(frames: Tensor, n_samples: int, *, smooth: bool = False) -> Tensor:
    """Interpolate controls from frames to samples; the last frame is held.

    Args:
        frames: controls (batch, frames, channels).
        n_samples: a multiple of the number of frames.
        smooth: overlapping Hann windows, for amplitudes (Engel et al. 2020, section 3.2), instead
            of straight lines, for frequencies.

    Returns:
        Controls (batch, n_samples, channels).

    Raises:
        ValueError: ``n_samples`` is not a multiple of the number of frames.
    """
    batch, count, channels = frames.shape
    hop = hop_size(count, n_samples)
    following = torch.cat([frames[:, 1:], frames[:, -1:]], dim=1)  # (batch, frames, channels)
    rise = _ramp(hop, frames, smooth=smooth)[:, None]  # (hop, 1)
    blended = frames[:, :, None] * (1 - rise) + following[:, :, None] * rise
    return blended.reshape(batch, n_samples, channels)  # (batch, frames, hop, ...) → samples


def harmonic_oscillators(
    f0_hz: Tensor, amplitude: Tensor, distribution: Tensor, n_samples: int, sample_rate: int
) -> Tensor:
    """Add sinusoids at the multiples of a moving fundamental (Engel et al. 2020, equations 1–4).

    Harmonic k has the phase ``k φ``, where ``φ`` accumulates ``2π f0 / rate``. It is summed in
    float64 and wrapped, so that minutes stay in tune. Amplitudes move between frames along
    overlapping Hann windows; as these are the same for all harmonics, they are applied after the
    sum over harmonics. Samples at which a harmonic reaches Nyquist leave it out. A frame with a
    fundamental of 0 Hz has no pitch and is silent.

    Frames with a like number of harmonics below Nyquist are computed together, a block at a time:
    the others are never computed, and without gradients only one block is in memory.

    Args:
        f0_hz: fundamental in Hz, 0 for no pitch (batch, frames, 1).
        amplitude: overall peak amplitude (batch, frames, 1).
        distribution: share of each harmonic (batch, frames, n_harmonics).
        n_samples: a multiple of the number of frames.
        sample_rate: Hz.

    Returns:
        Audio (batch, n_samples).

    Raises:
        ValueError: ``n_samples`` is not a multiple of the number of frames.
    """
    batch, count, n_harmonics = distribution.shape
    hop = hop_size(count, n_samples)
    f0 = upsample(f0_hz, n_samples)[..., 0]  # (batch, samples)
    cycles = torch.cumsum(f0.double() / sample_rate, dim=1) % 1.0
    phase = (2 * math.pi * cycles).to(distribution.dtype).reshape(-1, hop)
    f0 = f0.reshape(-1, hop)  # (rows, hop): a row is a frame of the batch

    heights = amplitude * distribution * (f0_hz > 0)  # (batch, frames, harmonics)
    following = torch.cat([heights[:, 1:], heights[:, -1:]], dim=1)
    ends = torch.stack([heights, following], dim=2).flatten(0, 1)  # (rows, 2, harmonics)

    nyquist = 0.5 * sample_rate
    with torch.no_grad():
        lowest, highest = f0.amin(dim=1), f0.amax(dim=1)
        audible = torch.ceil(nyquist / lowest).sub(1).clamp(0, n_harmonics)
        audible = audible * (highest > 0)  # (rows,) harmonics that are below Nyquist at some time
        crosses = audible * highest >= nyquist  # and some not all the time
        order = torch.argsort(audible + 2 * n_harmonics * crosses)
    numbers = torch.arange(1, n_harmonics + 1, device=f0.device, dtype=f0.dtype)[:, None]
    ends = ends * (numbers[:, 0] <= audible[:, None])[:, None]
    sums = []
    for rows in torch.split(order, BLOCK):
        k = numbers[: int(audible[rows].max())]  # (harmonics, 1)
        waves = torch.sin(k * phase[rows, None])  # (block, harmonics, hop)
        if crosses[rows].any():
            waves = waves * (k * f0[rows, None] < nyquist)
        sums.append(torch.bmm(ends[rows, :, : len(k)], waves))
    both = torch.cat(sums)[torch.argsort(order)]  # (rows, 2, hop)
    rise = _ramp(hop, heights, smooth=True)
    return (both[:, 0] * (1 - rise) + both[:, 1] * rise).reshape(batch, n_samples)


def filtered_noise(
    magnitudes: Tensor, n_samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """Shape uniform white noise, frame by frame, by a moving linear-phase filter.

    Each frame's filter comes from its magnitudes by the frequency-sampling method: inverse FFT of
    the (zero-phase) response, Hann window, applied by FFT and overlap-add (Engel et al. 2020,
    section 3.3; J. O. Smith, "Spectral Audio Signal Processing", window method of FIR design).

    Args:
        magnitudes: gains at equally spaced frequencies, 0 to Nyquist (batch, frames, n_noise).
        n_samples: a multiple of the number of frames.
        generator: source of the noise, for repeatable audio; on the device of ``magnitudes``.

    Returns:
        Audio (batch, n_samples).

    Raises:
        ValueError: ``n_samples`` is not a multiple of the number of frames.
    """
    batch, count, _ = magnitudes.shape
    hop = hop_size(count, n_samples)
    noise = torch.rand(
        batch, count, hop, generator=generator, device=magnitudes.device, dtype=magnitudes.dtype
    )
    return filter_frames(2 * noise - 1, magnitudes)


def filter_frames(blocks: Tensor, magnitudes: Tensor) -> Tensor:
    """Filter successive blocks of a signal, each by its own linear-phase response.

    The delay of the filters is removed as ddsp 3.7 does it, two samples short of their centre.

    Args:
        blocks: the signal (batch, frames, hop).
        magnitudes: gains at equally spaced frequencies, 0 to Nyquist (batch, frames, n_noise).

    Returns:
        Audio (batch, frames · hop).
    """
    _, count, hop = blocks.shape
    size = 2 * (magnitudes.shape[-1] - 1)
    response = torch.fft.irfft(magnitudes, n=size)  # (batch, frames, size), zero-phase
    window = torch.hann_window(size, device=blocks.device, dtype=blocks.dtype)
    response = torch.roll(response, size // 2, dims=-1) * window  # causal

    parts = -(-(size + hop - 1) // hop)  # hops that a filtered block lasts
    n_fft = parts * hop
    spectrum = torch.fft.rfft(blocks, n=n_fft) * torch.fft.rfft(response, n=n_fft)
    filtered = torch.fft.irfft(spectrum, n=n_fft)  # (batch, frames, n_fft)
    late = [
        functional.pad(part, (0, 0, hops, parts - hops))  # (batch, frames + parts, hop)
        for hops, part in enumerate(torch.split(filtered, hop, dim=-1))
    ]
    summed = torch.stack(late).sum(dim=0)
    start = max((size - 1) // 2 - 1, 0)
    return summed.flatten(1)[:, start : start + count * hop]


def hop_size(frames: int, n_samples: int) -> int:
    """Samples a frame; ValueError unless they come out whole."""
    if frames < 1 or n_samples < frames or n_samples % frames:
        raise ValueError(f"{n_samples} samples are not a whole number for each of {frames} frames")
    return n_samples // frames


def _ramp(hop: int, like: Tensor, *, smooth: bool) -> Tensor:
    """Weights (hop,) of the following frame: a line, or the rising half of a Hann window."""
    line = torch.arange(hop, device=like.device, dtype=like.dtype) / hop
    return 0.5 - 0.5 * torch.cos(math.pi * line) if smooth else line
