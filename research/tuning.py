"""What a separator loses on music that is not tuned to A4 = 440 Hz.

    python research/tuning.py TRACKS [--checkpoint FILE ...] [--cents 0 10 20 30] [--limit N]

TRACKS holds folders of stems named by instrument. Whole tracks are played faster by so many cents,
stems and mixture alike, and separated into everything that sounds in them (each stem as `separate`
gives it). Prints the mean SI-SDR improvement in dB over stems.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.metrics import si_sdr
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions
from timbresep.separation.separator import Separator

SILENT = 1e-7  # mean square


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--checkpoint", type=Path, nargs="+", help="the default if not given")
    parser.add_argument("--cents", type=int, nargs="+", default=[0, 5, 10, 20, 30, 50])
    parser.add_argument("--limit", type=int, help="only the first tracks")
    parser.add_argument("--tta", type=int, default=1)
    parser.add_argument("--keep-tuning", action="store_true", help="as `separate --keep-tuning`")
    given = parser.parse_args()
    registry = Registry.load()
    folders = sorted(path.parent for path in given.tracks.glob("*/track.yaml"))[: given.limit]
    print("| cents | " + " | ".join(str(cents) for cents in given.cents) + " |")
    print("|---" * (len(given.cents) + 1) + "|")
    for path in given.checkpoint or [registry.separators.get().checkpoint]:
        options = SeparationOptions(tta=given.tta, retune=not given.keep_tuning)
        separator = open_separator(checkpoint=path, registry=registry, options=options)
        scores = [
            np.mean([x for folder in folders for x in improvements(separator, folder, cents)])
            for cents in given.cents
        ]
        print(f"| {path.stem} | " + " | ".join(f"{score:.1f}" for score in scores) + " |")


def improvements(separator: Separator, folder: Path, cents: int) -> list[float]:
    """SI-SDR improvement in dB of every stem of a track that the separator knows."""
    stems = {}
    for path in sorted(folder.glob("*.flac")):
        wave, rate = audio.read(path)
        wave = audio.resample(wave, round(rate * 2 ** (cents / 1200)), rate)
        if np.square(wave).mean() > SILENT:
            stems[path.stem] = wave
    mixture = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    names = [name for name in stems if name in separator.instruments]
    found = separator.separate(mixture, rate, names)
    before = {name: si_sdr(stems[name], mixture) for name in names}
    return [si_sdr(stems[name], found[name]) - before[name] for name in names]


if __name__ == "__main__":
    main()
