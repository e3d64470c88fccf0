"""Ask for instruments by the mean of what they sound like in several sound sources.

    python benchmarks/mean_conditions.py CHECKPOINT OUT TRACKS [TRACKS …] [--share 0.5]

Each TRACKS is a folder of rendered tracks from one sound source, with the tables of what played
(`tones.safetensors`, docs/guests.md). An instrument's condition in OUT lies between the
checkpoint's and the mean, over the sources, of the mean condition of its stems there; one that has
no tables keeps its condition. All else is CHECKPOINT's.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from core import checkpoint
from core.condition import conditioner, table_file
from core.data.stem_tones import TONES
from core.registry import Registry


def mean_conditions(folder: Path, version: int) -> dict[str, np.ndarray]:
    """Mean condition (dim,) of each instrument over the tracks of a folder."""
    found = defaultdict(list)
    for file in sorted(folder.glob(f"*/{TONES}")):
        for name in table_file.names(file):
            found[name].append(conditioner.condition(table_file.read(file, name), version=version))
    return {name: np.mean(vectors, axis=0) for name, vectors in found.items()}


def main() -> None:
    """Replace the conditions and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("tracks", type=Path, nargs="+")
    parser.add_argument("--share", type=float, default=0.5, help="of what the tracks sound like")
    given = parser.parse_args()
    loaded = checkpoint.load(given.checkpoint, Registry.load().backbone)
    version = loaded.metadata.condition_version
    sources = [mean_conditions(folder, version) for folder in given.tracks]
    conditions = dict(loaded.conditions)
    for name, own in conditions.items():
        heard = [source[name] for source in sources if name in source]
        if heard:
            towards = np.mean(heard, axis=0) - own
            conditions[name] = (own + given.share * towards).astype(np.float32)
        moved = float(np.abs(conditions[name] - own).mean())
        print(f"{name:16} {len(heard)} sources, moved by {moved:.3f} in the mean of its values")
    checkpoint.save(given.out, loaded.model, conditions, loaded.metadata)


if __name__ == "__main__":
    main()
