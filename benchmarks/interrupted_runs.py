"""Stop trainings at random moments: is it told in a line, and do they end as if nothing had been?

    python benchmarks/interrupted_runs.py OUT [--runs 20] [--stops 2] [--signals SIGKILL]
        [--steps 60] [--workers 1] [--devices 1] [--seed 0]

Each run is stopped some times, by signals drawn at random that go to its process, to its whole
group, or with --devices 2 to one of the processes that share its steps. The very same command, with
--auto-resume, goes on each time, as a batch system does. Its weights in the end are compared with
those of a run that nobody stopped. The table counts what became of the runs;
OUT/interrupted_runs.json holds every one of them.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
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

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGKILL")
SMALL = ("n_fft=1024", "hop=512", "bands=16", "width=8", "hidden=8", "layers=1", "embedding=8")
STATES = ("best", "last", "resume")
PATIENCE = 300.0  # seconds


def command(out: Path, given: argparse.Namespace) -> list[str]:
    """A training of tenths of a second a step."""
    words = ["train", "--plugin", "violin", "--out", str(out), "--device", "cpu", "--auto-resume"]
    words += ["--max-steps", str(given.steps), "--validate-every", "20", "--batch-size", "2"]
    words += ["--seconds", "0.5", "--workers", str(given.workers), "--devices", str(given.devices)]
    words += [word for item in SMALL for word in ("--set", item)]
    return [sys.executable, str(ROOT / "cli.py"), *words]


def send(process: subprocess.Popen[str], name: str, whom: str, rng: random.Random) -> None:
    """Signal a run: its process, its group, or one of the processes that share its steps."""
    number = getattr(signal, name)
    ranks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children = [int(word) for word in ranks.read_text().split()] if whom == "rank" else []
    with contextlib.suppress(ProcessLookupError):
        if whom == "group":
            os.killpg(process.pid, number)
        else:
            os.kill(rng.choice(children) if children else process.pid, number)


def stopped(
    words: list[str], name: str, *, whom: str, after: float, rng: random.Random
) -> dict[str, object]:
    """Run a command and stop it after some seconds; how it ended."""
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        _, said = process.communicate(timeout=after)
        name = "none"  # it was over before
    except subprocess.TimeoutExpired:
        send(process, name, whom, rng)
        _, said = process.communicate(timeout=PATIENCE)
    if process.returncode == 0:  # on its way out: what it had to do was done
        name = "none"
    errors = [line for line in said.splitlines() if "error: " in line]
    told = len(errors) == 1 and process.returncode in ((1, 130) if whom == "rank" else (130,))
    silent = name == "none" or (name == "SIGKILL" and whom != "rank")
    return {
        **{"signal": name, "whom": whom, "after": round(after, 2), "code": process.returncode},
        **{"errors": errors, "traceback": said if "Traceback" in said else ""},
        "told": told or silent,
    }


def tensors(out: Path) -> dict[str, torch.Tensor]:
    """All of a finished run."""
    found = {name: load_file(out / f"{name}.safetensors") for name in STATES}
    return {f"{name}.{key}": x for name, row in found.items() for key, x in row.items()}


def one_run(
    out: Path, given: argparse.Namespace, times: tuple[float, float], rng: random.Random
) -> dict:
    """A run that is stopped and then goes on to its end.

    Args:
        out: its folder.
        given: what was asked for.
        times: seconds until a run has begun, and until it has ended by itself.
        rng: source of chance.
    """
    begins, ends = times
    latest = begins + 2 * (ends - begins) / given.stops
    whom = ("process", "group", "rank") if given.devices > 1 else ("process", "group")
    stops = []
    for _ in range(given.stops):
        name, who = rng.choice(given.signals), rng.choice(whom)
        after = rng.uniform(0.3 * begins, latest)
        stops.append(stopped(command(out, given), name, whom=who, after=after, rng=rng))
    end = subprocess.run(command(out, given), capture_output=True, text=True, check=False)
    hidden = [str(path) for path in out.rglob(".*")]
    return {"stops": stops, "code": end.returncode, "said": end.stderr[-300:], "hidden": hidden}


def whole_run(out: Path, given: argparse.Namespace) -> tuple[float, float]:
    """Seconds until a run that nobody stops has begun, and until it has ended."""
    began = time.monotonic()
    process = subprocess.Popen(command(out, given))
    while not (out / "resume.safetensors").exists():
        time.sleep(0.05)
    begins = time.monotonic() - began
    if process.wait():
        sys.exit("the run that nobody stopped has failed")
    return begins, time.monotonic() - began


def main() -> None:
    """Stop runs; print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="Folder for the runs and the JSON.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--stops", type=int, default=2)
    parser.add_argument("--signals", nargs="+", choices=SIGNALS, default=SIGNALS)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)  # noqa: S311 — chance, not secrets
    shutil.rmtree(given.out / "whole", ignore_errors=True)
    times = whole_run(given.out / "whole", given)
    whole = tensors(given.out / "whole")
    rows, counts = [], collections.Counter[str]()
    for number in range(given.runs):
        out = given.out / f"run{number}"
        shutil.rmtree(out, ignore_errors=True)
        row = one_run(out, given, times, rng)
        found = tensors(out) if row["code"] == 0 else {}
        row["same"] = found.keys() == whole.keys() and all(
            torch.equal(found[key], value) for key, value in whole.items()
        )
        rows.append(row)
        counts["stopped"] += sum(stop["signal"] != "none" for stop in row["stops"])
        counts["not told in one line"] += sum(not stop["told"] for stop in row["stops"])
        counts["with a traceback"] += sum(bool(stop["traceback"]) for stop in row["stops"])
        counts["could not go on"] += row["code"] != 0
        counts["left hidden files"] += bool(row["hidden"])
        counts["ended with the very same weights"] += row["same"]
        if row["same"]:
            shutil.rmtree(out)
    asked = {key: value for key, value in vars(given).items() if key != "out"}
    write_json(
        given.out / "interrupted_runs.json",
        {**circumstances(), **asked, "counts": counts, "rows": rows},
    )
    table = Table(f"of runs that were stopped {given.stops} times", str(given.runs))
    for name, count in counts.items():
        table.add_row(name, str(count))
    Console().print(table)


if __name__ == "__main__":
    main()
