"""Do conditions heard from a soundfont's notes mean the same as those of DDSP models?

    python research/heard_conditions.py

A plugin's condition comes from its DDSP model, one of an extra instrument from its notes themselves
(`rendering.font_tones`). For the first program that each recipe's solos name, both are measured;
the distance between them is set beside those to the other plugins' conditions. Distances are root
mean squares over the values, each in standard deviations over the plugins (at least 0.1, as in
`timbresep.film.ConditionEncoder`).
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from timbresep.condition import vector as conditioner
from timbresep.data import recipe as recipes
from timbresep.data.rendering.font_tones import tones_of
from timbresep.data.user_cache import default_cache
from timbresep.registry.registry import Registry


def main() -> None:
    """Print the table."""
    instruments = [item for item in Registry.load().instruments() if item.f0_range]
    vectors = np.stack([item.condition() for item in instruments])  # (instruments, dim)
    names = [item.name for item in instruments]
    scale = np.maximum(vectors.std(axis=0), 0.1)
    view = Table("heard", "to its own", "to the others, mean", "nearest is")
    own, hits = [], 0
    for k, item in enumerate(instruments):
        recipe = recipes.load(item.recipe_file)
        if recipe.solos is None or isinstance(recipe.voice, recipes.Percussion):
            continue
        font = recipe.solos.soundfonts[0]
        notes = font.range or recipe.solos.range or recipe.voice.range
        table = tones_of(font.file, font.programs[0], font.bank, notes, default_cache())
        heard = conditioner.condition(table)
        distance = np.sqrt(np.square((heard - vectors) / scale).mean(axis=1))
        own.append(float(distance[k]))
        hits += int(distance.argmin()) == k
        others = float(np.delete(distance, k).mean())
        label = f"{item.name}, {font.file} program {font.programs[0]}"
        view.add_row(label, f"{own[-1]:.2f}", f"{others:.2f}", names[int(distance.argmin())])
    view.add_row("mean", f"{np.mean(own):.2f}", "", f"its own: {hits} of {len(own)}")
    Console(width=100).print(view)


if __name__ == "__main__":
    main()
