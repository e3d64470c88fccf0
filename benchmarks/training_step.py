"""What a training step costs with the loss of masks, beside the loss of waveforms.

    python benchmarks/training_step.py [--separator universal] [--threads 2] [--rounds 8]

Both train the same network on the same batch of noise (6 mixtures × 4 targets × 3 s), turn by
turn, in 32 and in 16 bits, without and with stems that share the mixture. The figure is the median
over the rounds of the ratio of two neighbouring steps.
"""

from __future__ import annotations

import argparse
import copy
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from timbresep import checkpoint
from timbresep.backbone import Backbone
from timbresep.losses import waveform_loss
from timbresep.provenance import hardware
from timbresep.registry.registry import Registry

BATCH, TARGETS, SECONDS = 6, 4, 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    registry = Registry.load()
    loaded = checkpoint.load(registry.separator_path(arguments.separator), registry.backbone)
    torch.manual_seed(0)
    targets = 0.1 * torch.randn(BATCH, TARGETS, 1, SECONDS * loaded.model.sample_rate)
    known = torch.from_numpy(np.stack(list(loaded.conditions.values())))
    conditions = known[torch.randint(len(known), (BATCH, TARGETS))]
    view = Table("numbers", "consistency weight", "masks (s)", "waveforms (s)", "ratio")
    for bits in (32, 16):
        for weight in (0.0, 0.5):
            times = np.array(
                [
                    [
                        _step(kind, loaded.model, targets, conditions, weight, bits)
                        for kind in ("masks", "waveforms")
                    ]
                    for _ in range(arguments.rounds)
                ]
            )[1:]  # the first round warms up
            masks, waveforms = np.median(times, axis=0)
            ratio = np.median(times[:, 1] / times[:, 0])
            view.add_row(
                f"{bits} bits", f"{weight:g}", f"{masks:.2f}", f"{waveforms:.2f}", f"{ratio:.1f}"
            )
    console = Console()
    console.print(view)
    console.print(f"{arguments.threads} threads, {hardware()}")


def _step(
    kind: str,
    model: Backbone,
    targets: torch.Tensor,
    conditions: torch.Tensor,
    weight: float,
    bits: int,
) -> float:
    """Seconds of forward and backward pass, from the same weights every time."""
    trained = copy.deepcopy(model).train()
    mixture = targets.sum(dim=1)
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=bits == 16):
        if kind == "masks":
            loss = trained.loss(mixture, conditions, targets, weight)
        else:
            estimate = trained(mixture, conditions).float()
            loss = waveform_loss(estimate, targets, mixture, weight)
    loss.backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
