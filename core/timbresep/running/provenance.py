"""The provenance of a result in words: the command, the machine and the date."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from pathlib import Path

from timbresep.formats.text import shown


def command_line() -> str:
    """The command of this process, as it can be given again."""
    program = Path(sys.argv[0]).name
    start = ["python", program] if program.endswith(".py") else [program]
    return shown(shlex.join([*start, *sys.argv[1:]]))


def hardware(device: str = "cpu") -> str:
    """What computes, such as `2 cores of Intel Xeon`.

    Args:
        device: torch device; the name of the card for one of CUDA.
    """
    if device != "cpu":
        import torch

        return torch.cuda.get_device_name() if device.startswith("cuda") else device
    return f"{os.cpu_count()} cores of {_processor()}"


def today() -> str:
    """The date, as in 2026-11-23."""
    return time.strftime("%Y-%m-%d")


def circumstances() -> dict[str, str]:
    """Command, machine and date, to be written beside figures."""
    return {"command": command_line(), "hardware": hardware(), "date": today()}


def _processor() -> str:
    """The processor's name, if the system states it."""
    about = Path("/proc/cpuinfo")
    for line in about.read_text(encoding="utf-8").splitlines() if about.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
