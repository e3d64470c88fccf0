"""A training step of ours and of Magenta's ddsp, side by side in one run (needs `make magenta`).

    python benchmarks/ddsp_step.py [--sizes tiny small full] [--batch 8] [--seconds 2]
        [--rounds 5] [--threads 2] [--json FILE]

Each round times one step of each: forward, spectral loss, backward, clipping, Adam. Ours is that
of `ddsp.training`; Magenta's is its own trainer's compiled `train_step`, warmed up. Both have
the same weights to begin with, sizes, passages and number of threads. The table gives the shortest
and median times and the median of the rounds' ratios, which a machine whose speed drifts does not
change. The losses of the first timed step are those of the same weights: Magenta's differs by the
noise of its single-precision phases (docs/guides/magenta.md). A second table says where our time
goes.
"""

from __future__ import annotations

from timbresep.files import write_json
from timbresep.running.provenance import circumstances

import timbresep  # noqa: F401  # isort: skip  # before torch: sets how OpenMP waits

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from timbresep.ddsp import synthesis
from timbresep.ddsp import training as ours
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.features import FRAME_RATE, HOP
from timbresep.ddsp.magenta import checkpoint, environment
from timbresep.ddsp.magenta import training as theirs
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.passages import Batch
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss

Step = Callable[[], float]

PARTS = ("decoder", "oscillators", "noise", "reverb", "loss")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=ours.SIZES, default=["tiny", "small"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    environment.load()
    import tensorflow as tf

    torch.set_num_threads(arguments.threads)
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    table = Table("size", "parameters", "ours, s", "Magenta's, s", "ratio", "losses")
    table.title = (
        f"seconds a step, shortest / median of {arguments.rounds}: batch {arguments.batch} × "
        f"{arguments.seconds} s, {arguments.threads} threads"
    )
    shares = Table("size", *PARTS, title="ours, seconds forward and backward, shortest")
    rows = {}
    for size in arguments.sizes:
        given = passages(arguments.batch, arguments.seconds * FRAME_RATE)
        model, *steps = both(ours.SIZES[size], given)
        times, losses = np.zeros((2, arguments.rounds)), np.zeros((2, arguments.rounds))
        for number in range(arguments.rounds):
            for side, step in enumerate(steps):
                began = time.perf_counter()
                losses[side, number] = step()
                times[side, number] = time.perf_counter() - began
        ratio = float(np.median(times[1] / times[0]))
        seconds = [f"{taken.min():.2f} / {np.median(taken):.2f}" for taken in times]
        count = sum(value.numel() for value in model.parameters())
        first = " ".join(f"{loss[0]:.2f}" for loss in losses)
        table.add_row(size, f"{count / 1e3:.0f} k", *seconds, f"{ratio:.1f}", first)
        spent = parts(model, given, arguments.rounds)
        shares.add_row(size, *(f"{spent[name]:.2f}" for name in PARTS))
        rows[size] = {"ours": times[0].tolist(), "magenta": times[1].tolist(), "ratio": ratio}
        rows[size]["parts"] = spent
    Console(width=120).print(table, shares)
    if arguments.json:
        settings = {"batch": arguments.batch, "seconds": arguments.seconds}
        write_json(arguments.json, {**circumstances(), **settings, "sizes": rows})


def both(config: DecoderConfig, given: Batch) -> tuple[DdspModel, Step, Step]:
    """A model, and what takes a step of ours and of Magenta's from the same weights, both warm."""
    torch.manual_seed(0)
    model = DdspModel(config).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    noise = torch.Generator().manual_seed(0)
    start = {name: value.clone() for name, value in model.state_dict().items()}

    frames = given.f0_hz.shape[1]
    environment.configure(environment.FILES, environment.bindings(config, frames))
    trainer = theirs.make_trainer(seed=0)
    names = ("audio", "f0_hz", "loudness_db")
    batch = {name: getattr(given, name).numpy() for name in names}

    def our_step() -> float:
        return ours.make_step(model, optimizer, given, noise)

    def their_step() -> float:
        return float(trainer.train_step(batch)["total_loss"])

    for _ in range(2):
        our_step(), their_step()
    model.load_state_dict(start)
    checkpoint.assign(trainer.model, checkpoint.to_magenta(start, config))
    return model, our_step, their_step


def parts(model: DdspModel, given: Batch, rounds: int) -> dict[str, float]:
    """Seconds of each part of our step, forward and backward; the shortest of some rounds."""
    found = model.controls(given.f0_hz, given.loudness_db)
    amplitude, distribution, noise = (value.detach().requires_grad_() for value in found)
    samples = given.audio.shape[1]
    rate = model.config.sample_rate
    audio = given.audio.flip(0).requires_grad_()

    def oscillators() -> torch.Tensor:
        return synthesis.harmonic_oscillators(
            given.f0_hz[..., None], amplitude, distribution, samples, rate
        )

    runs = {
        "decoder": lambda: torch.cat(model.controls(given.f0_hz, given.loudness_db), dim=-1),
        "oscillators": oscillators,
        "noise": lambda: synthesis.filtered_noise(noise, samples),
        "reverb": lambda: model.reverb(audio) if model.reverb else audio,
        "loss": lambda: multiscale_spectral_loss(given.audio, audio),
    }
    spent = {}
    for name, run in runs.items():
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            run().sum().backward()
            times.append(time.perf_counter() - began)
        spent[name] = min(times)
    return spent


def passages(batch: int, frames: int) -> Batch:
    """Tones from 110 to 880 Hz with vibrato, thirty falling harmonics and a little noise."""
    chance = torch.Generator().manual_seed(0)
    base = 110 * 8 ** torch.linspace(0, 1, batch)[:, None]
    f0_hz = base * 2 ** (0.02 * torch.sin(35 * torch.arange(frames) / FRAME_RATE))
    phase = (f0_hz.repeat_interleave(HOP, dim=1) / 16_000).double().cumsum(1) * 2 * torch.pi
    audio = sum(torch.sin(k * phase) * (k * base < 7_500) / k for k in range(1, 31)).float()
    audio = 0.2 * audio + 0.01 * torch.randn(audio.shape, generator=chance)
    level = torch.full((batch, frames), -25.0)
    return Batch(audio, f0_hz, level, level > -80)


if __name__ == "__main__":
    main()
