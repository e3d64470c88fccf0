"""What several instruments cost together: one, two, … all of a separator, side by side in one run.

    python benchmarks/separation_speed.py [--checkpoint FILE] [--seconds 60] [--rounds 5]
        [--independent] [--json F]

Each round separates the same stereo audio with 1, 2, 3, … instruments in turn; the table gives the
median of the rounds, the cost relative to one instrument (round by round, so that a machine whose
speed drifts does not matter) and how many times faster than real time all of it is. Joint
masking is on, as in `separate`, unless told `--independent`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from timbresep import audio
from timbresep.config import ROOT
from timbresep.files import write_json
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions

MIXTURE = ROOT / "data/starter/demo/mixture.flac"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--independent", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    registry = Registry.load()
    path = arguments.checkpoint or registry.separators.get().checkpoint
    options = SeparationOptions(device="cpu", joint=not arguments.independent)
    separator = open_separator(checkpoint=path, registry=registry, options=options)
    names = list(separator.asked)
    wave, rate = audio.read(MIXTURE)
    repeats = int(np.ceil(arguments.seconds * rate / wave.shape[1]))
    wave = np.tile(wave, repeats)[:, : int(arguments.seconds * rate)]
    times = np.zeros((arguments.rounds, len(names)))
    separator.separate(wave[:, :rate], rate, names)  # warm-up
    for row in times:
        for count in range(1, len(names) + 1):
            began = time.perf_counter()
            separator.separate(wave, rate, names[:count])
            row[count - 1] = time.perf_counter() - began
    ratios = np.median(times / times[:, :1], axis=0)
    seconds = np.median(times, axis=0)
    table = Table("instruments", "seconds", "× one instrument", "× real time")
    for count, (took, ratio) in enumerate(zip(seconds, ratios, strict=True), start=1):
        speed = arguments.seconds / took
        table.add_row(str(count), f"{took:.2f}", f"{ratio:.2f}", f"{speed:.1f}")
    table.title = f"{path.name}: {arguments.seconds:g} s of stereo, {arguments.threads} threads"
    Console().print(table)
    if arguments.json:
        rows = {"seconds": seconds.tolist(), "ratio": ratios.tolist(), "audio": arguments.seconds}
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
