"""Are conditions from two sound sources of an instrument nearer than any other instrument's?

    python research/sound_sources.py OTHER.sf2 --out FOLDER [--seconds 30]

For every pitched instrument, single notes are rendered with the first soundfont of its recipe and
with OTHER, and `condition from-audio` makes an instrument of each recording. The condition is
measured on every second semitone of the first and on the semitones between them of the second: no
note and no sample in common. Prints their similarity, and the greatest one with the conditions of
another instrument from either source. FOLDER keeps what was made; a second run goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from timbresep.condition import vector as conditioner
from timbresep.condition.tone_table import tones_of_model
from timbresep.condition.view import similarity
from timbresep.data import recipe as recipes
from timbresep.data.rendering.solos import render_solos
from timbresep.data.user_cache import default_cache
from timbresep.errors import TimbresepError
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.voice.few_notes import NotesSettings, from_notes

SOURCES = ("recipe", "other")


def made_from(item: Instrument, source: str, other: str, out: Path, seconds: float) -> Instrument:
    """The instrument that `condition from-audio` makes of notes from one sound source."""
    name = f"{item.name}_{source}"
    if not (out / name).is_dir():
        recipe = recipes.load(item.recipe_file)
        assert recipe.solos is not None
        font = recipe.solos.soundfonts[0]
        changes = {"programs": font.programs[:1]} | ({"file": other} if source == "other" else {})
        spec = recipe.solos.model_copy(
            update={"soundfonts": [font.model_copy(update=changes)], "samples": [], "minutes": 0.75}
        )
        files = render_solos(spec, recipe.voice, out / "notes" / name, default_cache(), seed=7)
        notes = [path for path in files if path.stem.endswith("notes")]
        from_notes(
            notes,
            name,
            out,
            Registry.load(),
            NotesSettings(seconds=seconds),
            report=lambda *_: None,
        )
    return Instrument.from_folder(out / name, "made here")


def measured(made: Instrument, first: int) -> np.ndarray:
    """The condition of every second of the notes that were heard."""
    table = tones_of_model(made.ddsp_file, made.f0_range)
    notes = made.measured().notes
    return conditioner.condition(table, [note for note in notes if note % 2 == first])


def main() -> None:
    """Make what is missing, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", help="a soundfont that no recipe uses")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=30.0, help="of fine-tuning")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[np.ndarray]] = {}
    for item in Registry.load().instruments():
        if item.f0_range is None:
            continue
        try:
            found[item.name] = [
                measured(
                    made_from(item, source, arguments.other, arguments.out, arguments.seconds), half
                )
                for half, source in enumerate(SOURCES)
            ]
        except TimbresepError as error:
            print(f"{item.name}: {error}")
    print("| | two sources | nearest other | |\n|---|---|---|---|")
    for name, (one, two) in found.items():
        own = similarity(one, two)
        nearest, neighbour = max(
            (similarity(mine, theirs), other)
            for other, pair in found.items()
            if other != name
            for mine in (one, two)
            for theirs in pair
        )
        mark = "nearer" if own > nearest else "not nearer"
        print(f"| {name} | {own:.3f} | {nearest:.3f} ({neighbour}) | {mark} |")


if __name__ == "__main__":
    main()
