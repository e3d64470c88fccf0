"""What `separate --quality` costs and gives: the ways side by side, on the same tracks.

    python benchmarks/quality.py FOLDER… [--limit 4] [--seconds 15] [--json FILE]

Each track is separated for those who play in it, by each quality in turn. The table has the time of
one core in seconds for a minute of music (processor time, which other programs hardly change), its
ratio to that of `good` track by track, and means over stems of SI-SDR improvement, with SDR in
brackets. The ratio mask of the true stems, the mixture and silence stand beside them.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from timbresep.commands.wishes import of_quality
from timbresep.data.track import Track
from timbresep.evaluation.oracle import oracle
from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.tracks import tracks_in
from timbresep.files import write_json
from timbresep.metrics import sdr, si_sdr
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.separation.load import open_separator
from timbresep.separation.options import DEFAULTS, QUALITIES
from timbresep.separation.separator import Separator

WAYS = {name: of_quality(name, DEFAULTS) for name in QUALITIES} | {
    "good, `--mixture-consistency`": replace(DEFAULTS, mixture_consistency=True)
}
"""What is compared: the qualities, and what may be asked for where all who play are named."""

WARM_UP = 44_100
"""Samples that each separator is given before its time counts."""


@dataclass(frozen=True)
class Result:
    """One track by one method: means over its stems in dB, and processor time a second of it."""

    set: str
    track: str
    method: str
    gain: float
    sdr: float
    cost: float


def main() -> None:
    """Read the options, run, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path)
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--limit", type=int, default=4, help="only the first tracks of each folder")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each track, from its start")
    parser.add_argument("--json", type=Path, help="write the scores to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    registry = Registry.load()
    ways = {
        name: open_separator(separator=given.separator, options=options, registry=registry)
        for name, options in WAYS.items()
    }
    for separator in ways.values():
        separator.separate(np.zeros((1, WARM_UP), np.float32), WARM_UP, separator.asked[:1])
    results = []
    for folder in given.folders:
        for track in tracks_in(folder, registry.instruments())[: given.limit]:
            results += list(of_track(folder.name, track, ways, given.seconds))
            print(f"{folder.name} {track.name}", flush=True)
    for lines in tables(results, ways):
        print(lines)
    print(f"\n`quality.py`, `{given.separator}`; {today()}, one of {hardware()}.")
    if given.json:
        write_json(given.json, [asdict(each) for each in results])


def of_track(
    name: str, track: Track, ways: dict[str, Separator], seconds: float
) -> Iterator[Result]:
    """Separate the beginning of a track by every quality, and score it beside the baselines."""
    known = next(iter(ways.values())).asked
    stems = [stem for stem in track.stems if stem in known]
    mixture, truth = StemStream(track, stems).load()
    length = min(round(seconds * track.rate), mixture.shape[1])
    mixture, truth = mixture[:, :length], truth[: len(stems), :, :length]
    for way, separator in ways.items():
        began = time.process_time()
        found = separator.separate(mixture, track.rate, stems)
        cost = (time.process_time() - began) / (length / track.rate)
        estimates = np.stack([found[stem] for stem in stems])
        yield scored(Result(name, track.name, way, 0, 0, cost), truth, estimates, mixture)
    stft = next(iter(ways.values())).network.stft
    parts = [estimate for _, estimate in oracle(StemStream(track, stems), stft)]
    ideal = np.concatenate(parts, axis=-1)[..., :length]
    yield scored(Result(name, track.name, "oracle mask", 0, 0, np.nan), truth, ideal, mixture)
    same = np.broadcast_to(mixture, truth.shape)
    yield scored(Result(name, track.name, "mixture", 0, 0, np.nan), truth, same, mixture)


def scored(result: Result, truth: np.ndarray, estimates: np.ndarray, mixture: np.ndarray) -> Result:
    """A result with its scores."""
    gains = [
        si_sdr(stem, found) - si_sdr(stem, mixture)
        for stem, found in zip(truth, estimates, strict=True)
    ]
    sdrs = [sdr(stem, found) for stem, found in zip(truth, estimates, strict=True)]
    told = asdict(result) | {"gain": float(np.mean(gains)), "sdr": float(np.mean(sdrs))}
    return Result(**told)


def tables(results: list[Result], ways: dict[str, Separator]) -> Iterator[str]:
    """A row for each method: cost, ratio to `good`, and the scores in each set."""
    sets = list(dict.fromkeys(each.set for each in results))
    by = defaultdict(list)
    for each in results:
        by[each.method].append(each)
    good = {(each.set, each.track): each.cost for each in by["good"]}
    yield f"| quality | s a minute | × `good` | {' | '.join(sets)} |"
    yield "| --- " * (3 + len(sets)) + "|"
    for method, rows in by.items():
        costs = [60 * each.cost for each in rows]
        ratios = [each.cost / good[each.set, each.track] for each in rows]
        cost = f"{np.mean(costs):.0f} | {np.median(ratios):.2f}" if method in ways else "– | –"
        cells = []
        for name in sets:
            here = [each for each in rows if each.set == name]
            gain, level = (
                np.mean([getattr(each, key) for each in here]) for key in ("gain", "sdr")
            )
            cells.append(f"{gain:.1f} ({level:.1f})")
        yield f"| {method} | {cost} | {' | '.join(cells)} |"
    yield f"| silence | – | – | {' | '.join(['– (0.0)'] * len(sets))} |"


if __name__ == "__main__":
    main()
