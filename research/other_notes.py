"""What a separator loses when conditions are measured on other notes of the same instruments.

    python research/other_notes.py TRACKS [--checkpoint FILE]

TRACKS holds folders of stems named by instrument. Each stem is asked for with the condition that
the checkpoint carries, with the bundled one, and with those measured on every second semitone of
the bundled voice, from the lowest (even) and from the next (odd). Prints SI-SDR improvement in dB
and the greatest loss of the two against the bundled one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from study import NETWORK
from timbresep import checkpoint
from timbresep.condition import vector as conditioner
from timbresep.condition.tone_table import tones_of_model
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.tracks import tracks_in
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator

LABELS = ("bundled", "even", "odd")


def elsewhere(instrument: Instrument, version: int) -> dict[str, np.ndarray]:
    """Conditions measured on all semitones of an instrument's voice and on either half of them."""
    table = tones_of_model(instrument.ddsp_file, instrument.f0_range)
    notes = table.pitches.tolist()
    sets = zip(LABELS, (notes, notes[::2], notes[1::2]), strict=True)
    return {
        f"{instrument.name}.{label}": conditioner.condition(table, chosen, version=version)
        for label, chosen in sets
    }


def main() -> None:
    """Separate all tracks once, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="the registry's default if not given")
    arguments = parser.parse_args()
    registry = Registry.load()
    loaded = checkpoint.load(
        arguments.checkpoint or registry.separators.get().checkpoint, registry.backbone
    )
    pitched = [i for i in registry.instruments(list(loaded.conditions)) if i.f0_range]
    version = loaded.metadata.condition_version
    extra = {name: v for item in pitched for name, v in elsewhere(item, version).items()}
    separator = Separator(loaded, extra, NETWORK)
    result = evaluate(
        separator, tracks_in(arguments.tracks, registry.instruments()), separator.instruments
    )
    print("| | checkpoint's own | bundled | even notes | odd notes | greatest loss |")
    print("|---|---|---|---|---|---|")
    for item in pitched:
        own = [r for r in result.rows if r.instrument == item.name and r.method == "separator"]
        if not own:
            continue  # in none of the tracks
        scores = [
            np.mean([row.si_sdr_improvement for row in own if row.si_sdr_improvement is not None])
        ]
        for label in LABELS:
            given = f"{item.name}.{label}"
            swaps = [s for s in result.swaps if (s.instrument, s.condition) == (item.name, given)]
            scores.append(np.mean([swap.si_sdr_improvement for swap in swaps]))
        cells = [f"{score:.2f}" for score in [*scores, scores[1] - min(scores[2:])]]
        print(f"| {item.name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
