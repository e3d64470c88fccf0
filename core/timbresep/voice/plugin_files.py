"""Measure the condition of an instrument plugin on the DDSP model in its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from timbresep.condition.tone_table import Array, ToneTable, tones_of_model
from timbresep.condition.vector import CONDITION_VERSION, condition, provenance
from timbresep.config import load_yaml
from timbresep.files import atomic_writes
from timbresep.instrument import InstrumentConfig, own_file


def build_condition(
    folder: Path,
    pitches: Sequence[float] | None = None,
    version: int = CONDITION_VERSION,
    recorded: ToneTable | None = None,
) -> Path:
    """Measure the condition of a plugin's DDSP model, and of recorded notes where there are some.

    A model of few notes has faults of its own, and so has each recording: the vector is the mean.

    The vector goes to `condition.npy`; where it comes from (hash of the model, notes, levels,
    sample rate, versions) to `condition.json` beside it.

    Args:
        folder: plugin folder with `instrument.yaml` and the DDSP model that it names.
        pitches: notes as MIDI numbers; every semitone of the f0 range unless given.
        version: of the vector's definition.
        recorded: tones of recordings of the instrument.

    Returns:
        The condition file.

    Raises:
        ConfigError: `instrument.yaml` is missing or invalid.
        CheckpointError: the DDSP model is missing or damaged.
        DataError: the notes or the version cannot be.
    """
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    model_file = own_file(folder, config.ddsp.file)
    table = tones_of_model(model_file, config.f0_range)
    vector: Array = condition(table, pitches, version=version)
    if recorded:
        vector = (vector + condition(recorded, version=version)) / np.float32(2)
    origin = provenance(model_file, table, pitches, version)
    origin["measured_on"] = ["DDSP model", *(["recorded notes"] if recorded else [])]
    path = own_file(folder, config.condition.file)
    about = own_file(folder, config.condition.measured_file)
    with atomic_writes([path, about]) as (first, second):
        with first.open("wb") as file:
            np.save(file, vector, allow_pickle=False)
        second.write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
    return path
