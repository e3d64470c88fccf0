"""Threads and precision of a training."""

from __future__ import annotations

import os
from typing import Literal

import torch

Precision = Literal["auto", "bf16", "32"]


def set_up_processor(workers: int, processes: int = 1) -> None:
    """Compute with all cores but one for each process that mixes.

    Args:
        workers: processes that mix, beside each that trains.
        processes: processes that train on this machine and share its cores.

    Threads wait for one another at every step of a recurrent layer. Where they share cores with
    other processes, they are slower than a single thread.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes - workers))
    # Arithmetic with denormal numbers, in sounds that decay, is many times slower.
    torch.set_flush_denormal(True)


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which convolutions and matrix products are computed with so many bits.

    `auto` is `bf16` on CUDA and `32` elsewhere.
    """
    half = device.type == "cuda" if precision == "auto" else precision == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=half)
