"""How well an instrument comes out that the separator was not trained on.

    python benchmarks/new_instrument.py TRACKS NAME --plugins-dir DIR [--transcriber none]

TRACKS is what `evaluate` reads; the tracks with a stem of NAME count. Each is separated by NAME
alone, as `separate -i NAME` does it, and, at once, by the names of everything that plays
(`--mixture-consistency`). Prints means over tracks: SDR, SI-SDR improvement, and the level beside
the true one's, in dB.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.tracks import tracks_in
from timbresep.files import write_json
from timbresep.metrics import sdr, si_sdr
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions

ALL = "with mixture consistency"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tracks", type=Path)
    parser.add_argument("name")
    parser.add_argument("--plugins-dir", type=Path, required=True)
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--transcriber", help="'none' leaves the network alone")
    parser.add_argument("--limit", type=int, help="only the first tracks that have it")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    registry = Registry.load([given.plugins_dir])
    options = SeparationOptions(transcriber=given.transcriber)
    asked = ["all", given.name]
    separator = open_separator(asked, separator=given.separator, options=options, registry=registry)
    consistent = separator.with_options(mixture_consistency=True)
    tracks = tracks_in(given.tracks, registry.instruments())
    tracks = [track for track in tracks if given.name in track.stems][: given.limit]
    scores: dict[str, list[tuple[float, float, float]]] = {"by its name": [], ALL: []}
    for track in tracks:
        mixture, (true, *_) = StemStream(track, [given.name]).load()
        before = si_sdr(true, mixture)
        cast = [name for name in track.stems if name in separator.asked]
        for case, names in (("by its name", [given.name]), (ALL, cast)):
            if case == ALL and not len(names) == len(track.stems) > 1:
                continue  # something plays that nobody can name
            way = consistent if case == ALL else separator
            stem = way.separate(mixture, track.rate, names)[given.name]
            level = 10 * np.log10(np.square(stem).sum() / np.square(true).sum())
            row = sdr(true, stem), si_sdr(true, stem) - before, float(level)
            scores[case].append(row)
    print(f"| {len(tracks)} tracks | SDR | SI-SDRi | level |\n|---|---|---|---|")
    means = {case: np.mean(rows, axis=0).tolist() for case, rows in scores.items() if rows}
    for case, values in means.items():
        print(f"| {case} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    if given.json:
        write_json(given.json, means)


if __name__ == "__main__":
    main()
