"""What a training run computes with: threads, and how many bits."""

from __future__ import annotations

import os
from typing import Literal

import torch

Precision = Literal["auto", "bf16", "32"]


def set_up_processor(workers: int) -> None:
    """Leave a core to each process that mixes, and take the others.

    Threads that wait for one another at every step of a recurrent layer are slower than a single
    one where they share their cores.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - workers))
    # What decays to silence would otherwise be computed to the end, at many times the cost.
    torch.set_flush_denormal(True)


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which convolutions and matrix products are computed with so many bits.

    `auto` is `bf16` on CUDA and `32` elsewhere.
    """
    half = device.type == "cuda" if precision == "auto" else precision == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=half)
