"""BSSEval through `evaluate` beside museval itself: equal numbers, and what workers save.

    python benchmarks/bsseval.py [--tracks 4] [--seconds 5] [--workers 1,2] [--json FILE]

Writes a MUSDB-shaped tree of some tracks (vocals, bass, other, mixture; stereo, 44.1 kHz) cut from
the demo, separates it with the shipped separator, lets ``museval.eval_mus_track`` score the stem
files, and evaluates the tree with each number of workers. Whole runs of `evaluate`, models
loaded, in turn.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from timbresep import audio
from timbresep.config import ROOT
from timbresep.engines.engine import Engine
from timbresep.evaluation.plan import Plan
from timbresep.evaluation.run import evaluate_folder
from timbresep.evaluation.tracks import Tracks
from timbresep.files import write_json
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator

DEMO = ROOT / "data/starter/demo/chorale"
WANTED = ("vocals", "bass")
METRICS = ("SDR", "ISR", "SIR", "SAR")


def write_tree(root: Path, seconds: float, tracks: int) -> None:
    """Stretches of the demo, one after the other, as tracks."""
    stems = {path.stem: audio.read(path) for path in sorted(DEMO.glob("*.ogg"))}
    rate = next(iter(stems.values()))[1]
    size = int(seconds * rate)
    for track in range(tracks):
        folder = root / "test" / f"stretch {track + 1}"
        folder.mkdir(parents=True)
        cut = {
            name: np.broadcast_to(wave, (2, wave.shape[1]))[:, track * size : (track + 1) * size]
            for name, (wave, _) in stems.items()
        }
        parts = {name: cut.pop(name) for name in WANTED}
        parts["other"] = np.sum(list(cut.values()), axis=0)
        parts["mixture"] = np.sum(list(parts.values()), axis=0)
        for name, wave in parts.items():
            audio.write(folder / f"{name}.wav", np.ascontiguousarray(wave), rate)


def largest_difference(root: Path, out: Path, registry: Registry) -> float:
    """Between `evaluate`'s frames and museval's on the separated stems, in dB."""
    import musdb
    import museval

    separator = open_separator(WANTED, registry=registry)
    worst = 0.0
    for track in musdb.DB(root=str(root), is_wav=True):
        mixture, rate = audio.read(Path(track.path))
        stems = separator.separate(mixture, rate)
        stems["other"] = mixture - np.sum([stems[name] for name in WANTED], axis=0)
        theirs = museval.eval_mus_track(track, {name: wave.T for name, wave in stems.items()})
        ours = json.loads((out / f"museval/separator/test/{track.name}.json").read_text())
        frames = {target["name"]: target["frames"] for target in ours["targets"]}
        for target in theirs.scores["targets"]:
            for a, b in zip(frames[target["name"]], target["frames"], strict=True):
                pairs = ((a["metrics"][key], float(b["metrics"][key])) for key in METRICS)
                gaps = [abs(x - y) for x, y in pairs if not (np.isnan(x) and np.isnan(y))]
                worst = max([worst, *gaps])
    return worst


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each track")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    registry = Registry.load()
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "musdb"
        write_tree(root, arguments.seconds, arguments.tracks)
        path = registry.separators.get().checkpoint
        runs = [("without BSSEval, workers: 1", None, 1)]
        runs += [
            (f"BSSEval, workers: {n}", "separator", n)
            for n in map(int, arguments.workers.split(","))
        ]
        for name, extent, workers in runs:
            began = time.perf_counter()
            evaluate_folder(
                Plan(checkpoint=path, instruments=WANTED, bsseval=extent),
                Tracks(root),
                registry.instruments(),
                out=Path(folder) / name,
                engine=Engine(workers=workers),
            )
            took[name] = time.perf_counter() - began
        worst = largest_difference(root, Path(folder) / runs[-1][0], registry)
    table = Table("evaluate", "seconds", "of one worker's BSSEval")
    one = took[runs[1][0]]
    for name, seconds in took.items():
        table.add_row(name, f"{seconds:.1f}", f"{seconds / one:.2f}")
    Console().print(table)
    print(f"largest difference from museval's own frames: {worst:.1e} dB")
    if arguments.json:
        write_json(arguments.json, {"seconds": took, "difference_db": worst})


if __name__ == "__main__":
    main()
