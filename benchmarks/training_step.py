"""What a training step costs with the loss of masks, beside the loss of waveforms.

    python benchmarks/training_step.py [--separator universal] [--threads 2] [--rounds 8]
        [--json FILE]

Both train the same network on the same batch of noise (6 mixtures × 4 targets × 3 s), turn by
turn, in 32 and in 16 bits, without and with mixture consistency. The figure is the median
over the rounds of the ratio of two neighbouring steps.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from timbresep import checkpoint
from timbresep.backbone import Backbone
from timbresep.files import write_json
from timbresep.registry.registry import Registry
from timbresep.running.provenance import circumstances, hardware

BATCH, TARGETS, SECONDS = 6, 4, 3
Way = Callable[[Backbone, Tensor, Tensor, Tensor], Tensor]  # a loss


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    registry = Registry.load()
    loaded = checkpoint.load(
        registry.separators.get(arguments.separator).checkpoint, registry.backbone
    )
    torch.manual_seed(0)
    targets = 0.1 * torch.randn(BATCH, TARGETS, 1, SECONDS * loaded.model.sample_rate)
    known = torch.from_numpy(np.stack(list(loaded.conditions.values())))
    conditions = known[torch.randint(len(known), (BATCH, TARGETS))]
    view = Table("numbers", "consistency weight", "masks (s)", "waveforms (s)", "ratio")
    rows = []
    for bits in (32, 16):
        for weight in (0.0, 0.5):
            ways = (
                partial(type(loaded.model).loss, consistency_weight=weight),  # of masks
                partial(Backbone.loss, consistency_weight=weight),  # any backbone's: of waveforms
            )
            times = np.array(
                [
                    [seconds(way, loaded.model, (targets, conditions), bits) for way in ways]
                    for _ in range(arguments.rounds)
                ]
            )[1:]  # the first round warms up
            masks, waveforms = np.median(times, axis=0)
            ratio = float(np.median(times[:, 1] / times[:, 0]))
            view.add_row(
                f"{bits} bits", f"{weight:g}", f"{masks:.2f}", f"{waveforms:.2f}", f"{ratio:.1f}"
            )
            row = {"bits": bits, "consistency_weight": weight, "masks_s": masks}
            rows.append({**row, "waveforms_s": waveforms, "ratio": ratio})
    console = Console()
    console.print(view)
    console.print(f"{arguments.threads} threads, {hardware()}")
    if arguments.json:
        about = {"threads": arguments.threads}
        write_json(arguments.json, {**circumstances(), **about, "rows": rows})


def seconds(way: Way, model: Backbone, batch: tuple[Tensor, Tensor], bits: int) -> float:
    """Seconds of forward and backward pass, from the same weights every time."""
    trained, (targets, conditions) = copy.deepcopy(model).train(), batch
    mixture = targets.sum(dim=1)
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=bits == 16):
        loss = way(trained, mixture, conditions, targets)
    loss.backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
