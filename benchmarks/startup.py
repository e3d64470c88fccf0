"""How long `python cli.py list` takes, beside Python doing nothing and importing torch.

    python benchmarks/startup.py [--rounds 10] [--json FILE]

Whole processes, in turn; medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from timbresep.config import ROOT
from timbresep.files import write_json
from timbresep.running.provenance import hardware, today

COMMANDS = {
    "python, nothing": ["-c", "pass"],
    "python cli.py list": ["cli.py", "list"],
    "import torch": ["-c", "import torch"],
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(given.rounds):
        for name, arguments in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )
            took[name].append(time.perf_counter() - began)
    table = Table("process", "seconds, median", "fastest")
    for name, seconds in took.items():
        table.add_row(name, f"{statistics.median(seconds):.2f}", f"{min(seconds):.2f}")
    Console().print(table)
    if given.json:
        write_json(given.json, {"seconds": took, "date": today(), "hardware": hardware()})


if __name__ == "__main__":
    main()
