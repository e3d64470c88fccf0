"""Disks that fail while the program works: is it told in a line, and does the next run mend it all?

    python benchmarks/disk_faults.py OUT [--runs 5] [--seed 0]

Each fault meets each command at moments drawn at random: by the byte that the disk refuses (full,
quota used up, input/output error, read-only), or by the second in which it is unplugged. Then the
disk works again, and the same command runs once more. The table counts what became of the runs;
OUT/disk_faults.json holds every one of them. It mounts a file system (see `faulty_disk`).
"""

from __future__ import annotations

import argparse
import collections
import errno
import hashlib
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file

from faulty_disk import FaultyDisk
from timbresep import audio
from timbresep.config import ROOT
from timbresep.files import write_json
from timbresep.running.provenance import circumstances

DEMO = ROOT / "data" / "starter" / "demo"
FAULTS = {
    "disk full": errno.ENOSPC,
    "quota used up": errno.EDQUOT,
    "input/output error": errno.EIO,
    "turned read-only": errno.EROFS,
    "unplugged": None,
}
SMALL = ("n_fft=1024", "hop=512", "bands=16", "width=8", "hidden=8", "layers=1", "embedding=8")


@dataclass(frozen=True)
class Command:
    """A command that writes to a disk.

    Attributes:
        words: of the command line, given the disk.
        product: what it made, so that two runs can be compared.
    """

    words: Callable[[Path], list[str]]
    product: Callable[[Path], object]


def hashes(folder: Path) -> dict[str, str]:
    """Visible files of a folder → their hashes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    seen = [path for path in files if not path.name.startswith(".")]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in seen}


def separate(disk: Path) -> list[str]:
    """Stems of a song that lies on the disk, too."""
    words = ["separate", str(disk / "song.wav"), "-i", "violin,flute", "--transcriber", "none"]
    return [*words, "-o", str(disk / "out")]


def train(disk: Path) -> list[str]:
    """A training of seconds, resumed if it can be."""
    run = disk / "run"
    words = ["train", "--plugin", "violin", "--out", str(run), "--device", "cpu"]
    words += ["--max-steps", "30", "--validate-every", "10", "--batch-size", "2"]
    words += ["--seconds", "0.5", "--workers", "0"]
    words += [word for item in SMALL for word in ("--set", item)]
    return [*words, *(["--resume"] if (run / "resume.safetensors").exists() else [])]


def weights(disk: Path) -> object:
    """The weights of a finished run."""
    found = load_file(disk / "run" / "last.safetensors")
    return {name: hashlib.sha256(x.numpy().tobytes()).hexdigest() for name, x in found.items()}


def evaluate(disk: Path) -> list[str]:
    """Scores as CSV and LaTeX."""
    words = ["evaluate", str(DEMO), "--transcriber", "none", "--limit", "1", "--overwrite"]
    return [*words, "--csv", str(disk / "scores.csv"), "--latex", str(disk / "scores.tex")]


def scores(disk: Path) -> object:
    """The rows of the CSV."""
    return (disk / "scores.csv").read_text()


def notes(disk: Path) -> list[str]:
    """Notes as MIDI."""
    return ["notes", str(DEMO / "mixture.flac"), "-i", "violin,flute", "-o", str(disk / "midi")]


COMMANDS = {
    "separate": Command(separate, lambda disk: hashes(disk / "out")),
    "train": Command(train, weights),
    "evaluate": Command(evaluate, scores),
    "notes": Command(notes, lambda disk: hashes(disk / "midi")),
}


def run(words: list[str]) -> dict[str, object]:
    """Run the program; how it ended."""
    given = [sys.executable, str(ROOT / "cli.py"), *words]
    ended = subprocess.run(given, capture_output=True, text=True, check=False)
    errors = [line for line in ended.stderr.splitlines() if "error: " in line]
    trace = ended.stderr[-3000:] if "Traceback" in ended.stderr else ""
    return {"code": ended.returncode, "errors": errors, "traceback": trace}


def filled(folder: Path) -> None:
    """A disk with a song, and with the stems of another."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out" / "other").mkdir(parents=True)
    (folder / "out" / "other" / "violin.wav").write_bytes(b"stems of a song of before")
    wave, rate = audio.read(DEMO / "mixture.flac")
    audio.write(folder / "song.wav", wave[:, : 6 * rate], rate)


def trial(disk: FaultyDisk, command: Command, fault: str, moment: float, whole: dict) -> dict:
    """A fault at a moment (0 to 1 of the whole run), then the same command on a disk that works."""
    filled(disk.folder)
    code = FAULTS[fault]
    timer = None
    if code is None:
        timer = threading.Timer(moment * float(whole["seconds"]), disk.unplug)
        timer.start()
    else:
        disk.fail(code, int(moment * int(whole["bytes"])))
    failed = run(command.words(disk.mount))
    if timer is not None:
        timer.cancel()
    disk.mend()
    again = run(command.words(disk.mount))
    hidden = [p.name for p in disk.folder.rglob("*.part*")]
    kept = (disk.folder / "out" / "other" / "violin.wav").read_bytes().startswith(b"stems of")
    made = command.product(disk.folder) if again["code"] == 0 else None
    return {
        **{"fault": fault, "moment": round(moment, 3), "failed": failed, "again": again},
        **{"hidden": hidden, "kept": kept, "same": made == whole["product"]},
        "told": failed["code"] == 0 or (len(failed["errors"]) == 1 and not failed["traceback"]),
    }


def main() -> None:
    """Make disks fail; print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="Folder for the disk and the JSON.")
    parser.add_argument("--runs", type=int, default=5, help="Of each fault and command.")
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)  # noqa: S311 — chance, not secrets
    disk = FaultyDisk(given.out / "disk", given.out / "mount")
    rows: list[dict] = []
    table = Table("command", "fault", "runs", "met it", "told in one line", "lost", "same after")
    try:
        for name in given.commands.split(","):
            command = COMMANDS[name]
            filled(disk.folder)
            disk.mend()
            began = time.monotonic()
            ended = run(command.words(disk.mount))
            if ended["code"]:
                raise SystemExit(f"{name} fails without a fault: {ended}")
            whole = {"seconds": time.monotonic() - began, "bytes": disk.mend()}
            whole["product"] = command.product(disk.folder)
            for fault in FAULTS:
                counts = collections.Counter[str]()
                for _ in range(given.runs):
                    row = trial(disk, command, fault, rng.uniform(0, 1), whole)
                    rows.append({"command": name, **row})
                    counts["met"] += row["failed"]["code"] != 0
                    counts["told"] += row["told"] and row["failed"]["code"] != 0
                    counts["lost"] += not row["kept"]
                    counts["same"] += row["same"] and not row["hidden"]
                shown = [str(counts[key]) for key in ("met", "told", "lost", "same")]
                table.add_row(name, fault, str(given.runs), *shown)
    finally:
        disk.close()
        record = {**circumstances(), "runs": given.runs, "seed": given.seed, "rows": rows}
        write_json(given.out / "disk_faults.json", json.loads(json.dumps(record)))
    Console().print(table)


if __name__ == "__main__":
    main()
