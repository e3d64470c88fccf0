"""What a file costs that is separated by one worker, by two, and by a Ray cluster of this machine.

    python benchmarks/library.py OUT [--files 8] [--seconds 30] [--workers 1 2] [--quality fast]

The files are pieces of the bundled demo, one after the other. Each run is the command, from its
start to its end; the table has its time, that of a file, the speed beside one worker's, the largest
memory of one of its processes, and whether the stems are those of the first run. With the same
number of threads a worker, they are so to the bit.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from timbresep import audio
from timbresep.config import ROOT
from timbresep.files import sha256_of, write_json
from timbresep.running.provenance import circumstances


def songs(folder: Path, count: int, seconds: float) -> None:
    """Write pieces of the demo, each from another place of it."""
    wave, rate = audio.read(ROOT / "data" / "starter" / "demo" / "mixture.flac")
    samples = round(seconds * rate)
    longer = np.tile(wave, (1, 2 + samples // wave.shape[1]))
    for number in range(count):
        start = number * wave.shape[1] // count
        piece = longer[:, start : start + samples]
        audio.write(folder / f"{number:03d}.flac", piece, rate, overwrite=True)


def main() -> None:
    """Measure and print; OUT/library.json has all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--quality", default="fast")
    given = parser.parse_args()
    songs(given.out / "songs", given.files, given.seconds)
    threads = {"OMP_NUM_THREADS": "1"}  # a worker's, however many there are
    runs = [("processes", n) for n in given.workers] + [("ray", max(given.workers))]
    rows, first = [], None
    for engine, workers in runs:
        out = given.out / f"{engine}-{workers}"
        words = [str(ROOT / "cli.py"), "separate", str(given.out / "songs"), "-o", str(out)]
        words += ["-i", "violin,flute", "--separator", "universal", "--quality", given.quality]
        words += ["--overwrite", "--workers", str(workers), "--engine", engine]
        began = time.monotonic()
        subprocess.run([sys.executable, *words], check=True, env={**os.environ, **threads})
        took = time.monotonic() - began
        stems = {str(p.relative_to(out)): sha256_of(p) for p in sorted(out.rglob("*.wav"))}
        first = first or (took, stems)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        rows.append(
            {"engine": engine, "workers": workers, "seconds": took, "a file": took / given.files}
            | {"speed": first[0] / took, "MB": memory, "same": stems == first[1]}
        )
    table = Table("engine", "workers", "seconds", "a file", "speed", "MB", "same stems")
    for row in rows:
        shown = [f"{row[key]:.2f}" for key in ("seconds", "a file", "speed")]
        table.add_row(
            str(row["engine"]), str(row["workers"]), *shown, f"{row['MB']:.0f}", str(row["same"])
        )
    write_json(given.out / "library.json", {**circumstances(), "rows": rows})
    Console().print(table)


if __name__ == "__main__":
    main()
