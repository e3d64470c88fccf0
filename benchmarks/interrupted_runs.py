"""Stop trainings at random moments: is it told in a line, and do they end as if nothing had been?

    python benchmarks/interrupted_runs.py OUT [--runs 40] [--steps 60] [--workers 1] [--seed 0]

Each run is stopped twice, by signals drawn at random that go to its process or to its whole group,
and then goes on to its end. Its weights are compared with those of a run that nobody stopped. The
table counts what became of the runs; OUT/interrupted_runs.json holds every one of them.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file

from timbresep.config import ROOT
from timbresep.files import write_json
from timbresep.running.provenance import circumstances

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
SMALL = ("n_fft=1024", "hop=512", "bands=16", "width=8", "hidden=8", "layers=1", "embedding=8")
STATES = ("best", "last", "resume")


def command(out: Path, steps: int, workers: int) -> list[str]:
    """A training of tenths of a second a step."""
    words = ["train", "--plugin", "violin", "--out", str(out), "--device", "cpu"]
    words += ["--max-steps", str(steps), "--validate-every", "20", "--batch-size", "2"]
    words += ["--seconds", "0.5", "--workers", str(workers)]
    words += [word for item in SMALL for word in ("--set", item)]
    resume = ["--resume"] if (out / "resume.safetensors").exists() else []
    return [sys.executable, str(ROOT / "cli.py"), *words, *resume]


def stopped(given: list[str], name: str, *, group: bool, after: float) -> dict[str, object]:
    """Run a command and stop it after some seconds; how it ended."""
    process = subprocess.Popen(given, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        _, said = process.communicate(timeout=after)
        name = "none"  # it was over before
    except subprocess.TimeoutExpired:
        send = os.killpg if group else os.kill
        send(process.pid, getattr(signal, name))
        _, said = process.communicate(timeout=120)
    if process.returncode == 0:  # on its way out: what it had to do was done
        name = "none"
    errors = [line for line in said.splitlines() if "error: " in line]
    return {
        **{"signal": name, "group": group, "after": round(after, 2), "code": process.returncode},
        **{"errors": errors, "traceback": said if "Traceback" in said else ""},
        "told": name not in SIGNALS[:3] or (process.returncode == 130 and len(errors) == 1),
    }


def tensors(out: Path) -> dict[str, torch.Tensor]:
    """All of a finished run."""
    found = {name: load_file(out / f"{name}.safetensors") for name in STATES}
    return {f"{name}.{key}": x for name, row in found.items() for key, x in row.items()}


def one_run(out: Path, steps: int, workers: int, longest: float, rng: random.Random) -> dict:
    """A run that is stopped twice and then goes on to its end."""
    stops = []
    for _ in range(2):
        name, group = rng.choice(SIGNALS), rng.random() < 0.5
        given = command(out, steps, workers)
        stops.append(stopped(given, name, group=group, after=rng.uniform(0.3, 1) * longest))
    end = subprocess.run(command(out, steps, workers), capture_output=True, text=True, check=False)
    hidden = [str(path) for path in out.rglob(".*")]
    return {"stops": stops, "code": end.returncode, "said": end.stderr[-300:], "hidden": hidden}


def main() -> None:
    """Stop runs; print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="Folder for the runs and the JSON.")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)  # noqa: S311 — chance, not secrets
    shutil.rmtree(given.out / "whole", ignore_errors=True)
    began = time.monotonic()
    subprocess.run(command(given.out / "whole", given.steps, given.workers), check=True)
    longest = time.monotonic() - began
    whole = tensors(given.out / "whole")
    rows, counts = [], collections.Counter[str]()
    for number in range(given.runs):
        out = given.out / f"run{number}"
        shutil.rmtree(out, ignore_errors=True)
        row = one_run(out, given.steps, given.workers, longest, rng)
        found = tensors(out) if row["code"] == 0 else {}
        row["same"] = found.keys() == whole.keys() and all(
            torch.equal(found[key], value) for key, value in whole.items()
        )
        rows.append(row)
        counts["stopped"] += sum(stop["signal"] != "none" for stop in row["stops"])
        counts["not told in one line with code 130"] += sum(not s["told"] for s in row["stops"])
        counts["with a traceback"] += sum(bool(stop["traceback"]) for stop in row["stops"])
        counts["could not go on"] += row["code"] != 0
        counts["left hidden files"] += bool(row["hidden"])
        counts["ended with the very same weights"] += row["same"]
        if row["same"]:
            shutil.rmtree(out)
    record = {
        **circumstances(),
        **{"runs": given.runs, "steps": given.steps, "workers": given.workers},
        **{"seed": given.seed, "counts": counts, "rows": rows},
    }
    write_json(given.out / "interrupted_runs.json", record)
    table = Table("of runs that were stopped twice", str(given.runs))
    for name, count in counts.items():
        table.add_row(name, str(count))
    Console().print(table)


if __name__ == "__main__":
    main()
