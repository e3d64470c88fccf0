"""What a separator loses where music is quieter or louder than what it was trained on.

    python benchmarks/levels.py TRACKS [--gains -40 -24 -12 0 12 20] [--limit N] [--json FILE]
        [--separator NAME] [--transcriber none]

TRACKS is what `evaluate` reads. Each track is separated as `separate` does it, at each gain, and
once with its second half 24 dB down, of which that half counts. The scores are means over stems, of
SI-SDR improvement and SDR in dB, with the gain undone.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.tracks import tracks_in
from timbresep.files import write_json
from timbresep.metrics import sdr, si_sdr
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.options import DEFAULTS
from timbresep.units import db_to_amplitude

DOWN_DB = -24.0
SILENT = 1e-7  # mean square of a stem that does not play

Wave = NDArray[np.float32]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--gains", type=float, nargs="+", default=[-40, -24, -12, 0, 12, 20])
    parser.add_argument("--limit", type=int, help="only the first tracks")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--separator", help="a separator of registry.yaml")
    parser.add_argument("--transcriber", default=DEFAULTS.transcriber)
    given = parser.parse_args()
    registry = Registry.load()
    options = replace(DEFAULTS, transcriber=given.transcriber)
    separator = open_separator(separator=given.separator, options=options, registry=registry)
    cases = [f"{gain:g} dB" for gain in given.gains] + ["second half", "second half, 24 dB down"]
    scores: dict[str, list[tuple[float, float]]] = {case: [] for case in cases}
    for track in tracks_in(given.tracks, registry.instruments())[: given.limit]:
        names = [name for name in track.stems if name in separator.asked]
        mixture, stems = StemStream(track, names).load()
        half = mixture.shape[1] // 2

        def add(case: str, gain: NDArray[np.float64], start: int = 0) -> None:
            heard = (mixture * gain).astype(np.float32)  # noqa: B023 (called within the loop)
            found = separator.separate(heard, track.rate, names)  # noqa: B023
            for name, truth in zip(names, stems[: len(names)], strict=True):  # noqa: B023
                stem = (found[name] / gain).astype(np.float32)[:, start:]
                true = truth[:, start:]
                if np.square(true).mean() > SILENT:
                    before = si_sdr(true, mixture[:, start:])  # noqa: B023
                    scores[case].append((si_sdr(true, stem) - before, sdr(true, stem)))

        flat = np.ones(mixture.shape[1])
        for gain in given.gains:
            add(f"{gain:g} dB", flat * db_to_amplitude(gain))
        add("second half", flat, half)
        down = np.where(np.arange(len(flat)) < half, 1, db_to_amplitude(DOWN_DB))
        add("second half, 24 dB down", down, half)
    means = {case: np.mean(found, axis=0).tolist() for case, found in scores.items()}
    print("| | SI-SDRi | SDR |\n|---|---|---|")
    for case, (improvement, quality) in means.items():
        print(f"| {case} | {improvement:.2f} | {quality:.2f} |")
    if given.json:
        write_json(given.json, means)


if __name__ == "__main__":
    main()
