"""Many clients at one server whose workers are killed: does each get its own stems, all of them?

    python benchmarks/serve_load.py OUT [--requests 200] [--clients 8] [--kills 5] [--workers 1]

Each request sends another noise of a second. Its stems and residual must sum to that very noise. A
client that is refused since too many wait asks again. The table counts what became of the requests.
It needs `pip install '.[serve]'` and httpx.
"""

from __future__ import annotations

import argparse
import io
import os
import queue
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import httpx
import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from timbresep.config import ROOT
from timbresep.files import write_json
from timbresep.running.provenance import circumstances

RATE = 44_100
WISH = {"separator": "universal", "instruments": "violin,flute", "quality": "fast"}


def started(workers: int, waiting: int, out: Path) -> tuple[subprocess.Popen[str], str]:
    """A server of its own process, and its address."""
    words = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", "--device", "cpu"]
    words += ["--workers", str(workers), "--max-waiting", str(waiting), "--made", str(out / "made")]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert server.stdout is not None
    while not (found := re.search(r"http://\S+:\d+", server.stdout.readline())):
        if server.poll() is not None:
            raise SystemExit("the server did not start")
    return server, found[0]


def children(pid: int) -> list[int]:
    """The processes of a server that work; a spawned one also has a resource tracker."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(word) for file in listed for word in file.read_text().split()]
    return [p for p in pids if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def asked(address: str, seed: int) -> dict[str, object]:
    """One request, to its end."""
    wave = 0.1 * np.random.default_rng(seed).standard_normal(RATE)
    sent = io.BytesIO()
    soundfile.write(sent, wave, RATE, format="FLAC", subtype="PCM_24")
    began, refused = time.monotonic(), 0
    with httpx.Client(base_url=address, headers={"X-Timbresep": "1"}, timeout=120) as client:
        while True:
            files = {"file": (f"{seed}.flac", sent.getvalue())}
            answer = client.post("/api/jobs", files=files, data=WISH)
            if answer.status_code != 503:
                break
            refused += 1
            time.sleep(random.uniform(0.2, 1.0))  # noqa: S311 — chance, not secrets
        place = f"/api/jobs/{answer.raise_for_status().json()['id']}"
        while (told := client.get(place).json())["state"] in ("waiting", "working"):
            time.sleep(0.1)
        error, own = told["error"], False
        if told["state"] == "done":
            packed = zipfile.ZipFile(io.BytesIO(client.get(f"{place}/zip").content))
            parts = [soundfile.read(io.BytesIO(packed.read(n)))[0] for n in packed.namelist()]
            same = float(np.abs(np.sum(parts, 0) - wave).max()) < 1e-4
            own = same and told["title"] == f"{seed}.flac"
        client.delete(place)
    seconds = time.monotonic() - began
    return {"seed": seed, "seconds": seconds, "refused": refused, "error": error, "own": own}


def main() -> None:
    """Ask, kill, count; print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="Folder for the JSON.")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--waiting", type=int, default=4)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    server, address = started(given.workers, given.waiting, given.out)
    seeds: queue.SimpleQueue[int] = queue.SimpleQueue()
    for seed in range(given.requests):
        seeds.put(seed)
    rows: list[dict[str, object]] = []

    def client() -> None:
        while True:
            try:
                seed = seeds.get_nowait()
            except queue.Empty:
                return
            try:
                rows.append(asked(address, seed))
            except (httpx.HTTPError, OSError) as error:
                rows.append({"seed": seed, "error": repr(error), "own": False, "refused": 0})

    began = time.monotonic()
    threads = [threading.Thread(target=client) for _ in range(given.clients)]
    for thread in threads:
        thread.start()
    killed = 0
    while any(thread.is_alive() for thread in threads):
        due = (killed + 1) * given.requests / (given.kills + 1)
        if killed < given.kills and len(rows) >= due and (found := children(server.pid)):
            os.kill(random.choice(found), signal.SIGKILL)  # noqa: S311 — chance, not secrets
            killed += 1
        time.sleep(0.2)
    seconds = time.monotonic() - began
    alive = server.poll() is None
    server.send_signal(signal.SIGINT)
    code = server.wait(60)
    counts = {
        "requests": given.requests,
        "workers killed": killed,
        "answered with their own stems": sum(bool(row["own"]) for row in rows),
        "with another's stems, or wrong ones": sum(not r["own"] and not r["error"] for r in rows),
        "failed": sum(bool(row["error"]) for row in rows),
        "refusals since too many waited, asked again": sum(int(str(r["refused"])) for r in rows),
        "server alive at the end": int(alive),
        "exit code after Ctrl-C": code,
        "seconds": round(seconds),
        "median seconds a request": round(
            statistics.median(float(str(row.get("seconds", "nan"))) for row in rows), 1
        ),
    }
    record = {**circumstances(), **vars(given), "out": str(given.out)}
    write_json(given.out / "serve_load.json", {**record, "counts": counts, "rows": rows})
    table = Table("of requests to a server whose workers die", str(given.requests))
    for name, count in counts.items():
        table.add_row(name, str(count))
    Console().print(table)


if __name__ == "__main__":
    main()
