"""The oscillator bank beside its equation written down: seconds of sound a second, and agreement.

    python benchmarks/oscillators.py [--seconds 8] [--threads 1] [--json FILE]

*plain*: every harmonic at every sample, its phase and amplitude interpolated by itself, as in
ddsp's ``oscillator_bank`` (but with phases summed in float64, or it would drift). *bank*:
`timbresep.ddsp.synthesis.harmonic_oscillators`, which leaves out what lies above Nyquist, takes all
phases from the fundamental's and works a block at a time.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from timbresep.ddsp import synthesis
from timbresep.files import write_json
from timbresep.running.provenance import circumstances

RATE, FRAME_RATE, HARMONICS = 16_000, 250, 60
Bank = Callable[[Tensor, Tensor, Tensor, int], Tensor]


def plain(f0_hz: Tensor, amplitude: Tensor, shares: Tensor, samples: int) -> Tensor:
    """Equations 1 to 4 of Engel et al. 2020; only the phases are in float64."""
    hz = synthesis.upsample(synthesis.harmonic_frequencies(f0_hz, shares.shape[-1]), samples)
    heights = synthesis.upsample(amplitude * shares, samples, smooth=True)
    phases = torch.cumsum(hz.double() / RATE, dim=1) % 1.0
    waves = torch.sin(2 * math.pi * phases.float())
    return (heights * (hz < RATE / 2) * waves).sum(-1)


def bank(f0_hz: Tensor, amplitude: Tensor, shares: Tensor, samples: int) -> Tensor:
    """What models play with."""
    return synthesis.harmonic_oscillators(f0_hz, amplitude, shares, samples, RATE)


def best(run: Callable[[], object], times: int = 5) -> float:
    """Shortest time of a few, in seconds."""
    run()
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        spent.append(time.perf_counter() - began)
    return min(spent)


def hear(way: Bank, f0: Tensor, amplitude: Tensor, shares: Tensor, samples: int) -> None:
    """Play, without gradients."""
    with torch.no_grad():
        way(f0, amplitude, shares, samples)


def learn(way: Bank, f0: Tensor, amplitude: Tensor, shares: Tensor, samples: int) -> None:
    """Play, and take the gradient of the amplitudes."""
    torch.autograd.grad(way(f0, amplitude, shares, samples).sum(), [amplitude, shares])


def main() -> None:
    """Time both at several pitches, without and with gradients."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    frames, samples = given.seconds * FRAME_RATE, given.seconds * RATE
    time_s = torch.arange(frames) / FRAME_RATE
    tunes = {
        "55 Hz": 55 + 0 * time_s,
        "220 Hz, vibrato": 220 * 2 ** (torch.sin(35 * time_s) / 24),
        "880 Hz, vibrato": 880 * 2 ** (torch.sin(35 * time_s) / 24),
        "100 Hz to 3 kHz": 100 * 30 ** (time_s / time_s[-1]),
    }
    view = Table("", "plain", "bank", "times", "with gradient: plain", "bank", "times", "gap")
    rows = {}
    for name, tune in tunes.items():
        f0 = tune[None, :, None]
        amplitude = torch.rand(1, frames, 1, requires_grad=True)
        shares = torch.softmax(torch.randn(1, frames, HARMONICS), -1).requires_grad_()
        played = {}
        for way in (plain, bank):
            with torch.no_grad():
                played[way] = way(f0, amplitude, shares, samples)
        speeds = [
            given.seconds / best(partial(use, way, f0, amplitude, shares, samples))
            for use in (hear, learn)
            for way in (plain, bank)
        ]
        gap = float((played[plain] - played[bank]).abs().max())
        ratios = [f"{speeds[1] / speeds[0]:.1f}", f"{speeds[3] / speeds[2]:.1f}"]
        cells = [f"{speed:.0f}" for speed in speeds]
        view.add_row(name, *cells[:2], ratios[0], *cells[2:], ratios[1], f"{gap:.0e}")
        rows[name] = {"played": speeds[:2], "with_gradient": speeds[2:], "largest_difference": gap}
    view.caption = "seconds of sound a second; largest difference of the two"
    Console().print(view)
    if given.json:
        about = {"threads": given.threads, "seconds": given.seconds}
        write_json(given.json, {**circumstances(), **about, "rows": rows})


if __name__ == "__main__":
    main()
