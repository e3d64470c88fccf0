"""Fill an instrument plugin's folder: its DDSP model, the model's hash and its condition."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core import conditioner
from core.config import atomic_write, load_yaml
from core.errors import PluginError
from core.instrument import InstrumentConfig

DESCRIPTION = "instrument.yaml"


def build_condition(folder: Path, pitches: Sequence[float] | None = None) -> Path:
    """Measure the condition of a plugin's DDSP model.

    The vector goes to `condition.npy`; where it comes from (hash of the model, notes, levels,
    sample rate, versions) to `condition.json` beside it; the model's hash to `instrument.yaml`.

    Args:
        folder: plugin folder with `instrument.yaml` and the DDSP model that it names.
        pitches: notes as MIDI numbers; every semitone of the f0 range unless given.

    Returns:
        The condition file.

    Raises:
        ConfigError: `instrument.yaml` is missing or invalid.
        CheckpointError: the DDSP model is missing or damaged.
        PluginError: `instrument.yaml` has no line for the hash.
    """
    description = folder / DESCRIPTION
    config = load_yaml(description, InstrumentConfig)
    model_file = folder / config.ddsp.file
    table = conditioner.build(model_file, config.f0_range)
    vector = conditioner.condition(table, pitches)
    origin = conditioner.provenance(model_file, table, pitches)
    # The file is edited as text, so that the author's comments and order stay.
    line = rf'\1 "{origin["ddsp_sha256"]}"'
    before = description.read_text(encoding="utf-8")
    text, count = re.subn(r"(?m)^(\s+sha256:).*$", line, before, count=1)
    if count == 0:
        raise PluginError(f"{description}: no 'sha256:' line under 'ddsp:' to fill in")
    path = folder / config.condition.file
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, vector, allow_pickle=False)
    with atomic_write(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
    with atomic_write(description) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
