"""rnn_mask's options side by side: the same data, seed and number of steps for each.

    python research/backbone_options.py --data train=TRAIN --data valid=VALID [--steps 600]

The figure is the validation SI-SDR improvement after so many steps (a short budget says how fast a
network learns, not where it ends), beside its size and the seconds that a step takes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from timbresep import checkpoint
from timbresep.files import write_json
from timbresep.registry.registry import Registry
from timbresep.training.loop import fit
from timbresep.training.request import TrainRequest

VARIANTS: dict[str, dict[str, int | float | bool | str]] = {
    "default": {},
    "one FiLM": {"films": 1},
    "1 layer": {"layers": 1},
    "3 layers": {"layers": 3},
    "hidden 128, width 192": {"hidden": 128, "width": 192},
    "hop 1024": {"hop": 1024},
    "320 bands": {"bands": 320},
}


def main() -> None:
    """Train every variant and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True, help="NAME=FOLDER of tracks")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    registry = Registry.load()
    names = tuple(instrument.name for instrument in registry.instruments())
    roots = {item.partition("=")[0]: Path(item.partition("=")[2]) for item in arguments.data}
    rows = []
    for label in arguments.only:
        options = VARIANTS[label]
        with tempfile.TemporaryDirectory() as folder:
            request = TrainRequest(
                instruments=names,
                out=Path(folder) / "run",
                arguments=options,
                roots=roots,
                max_steps=arguments.steps,
                batch_size=6,
                targets=3,
                seconds=2.0,
                learning_rate=1.5e-3,
                validate_every=arguments.steps,
                device="cpu",
                ema=0.99,
            )
            began = time.process_time()
            result = fit(registry, request, lambda *_: None)
            seconds = (time.process_time() - began) / arguments.steps
            model = checkpoint.load(result.last, registry.backbone).model
            size = sum(parameter.numel() for parameter in model.parameters())
        mean = float(np.mean([row["si_sdr_improvement"] for row in result.scores.values()]))
        rows.append({"variant": label, "parameters": size, "seconds": seconds, "si_sdr_i": mean})
        print(json.dumps(rows[-1]), flush=True)
    table = Table("variant", "parameters (M)", "CPU seconds a step", "valid SI-SDRi (dB)")
    table.title = f"rnn_mask after {arguments.steps} steps of 6 mixtures × 3 targets × 2 s"
    for row in rows:
        table.add_row(
            str(row["variant"]),
            f"{float(row['parameters']) / 1e6:.2f}",
            f"{float(row['seconds']):.2f}",
            f"{float(row['si_sdr_i']):.2f}",
        )
    Console().print(table)
    if arguments.json:
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
