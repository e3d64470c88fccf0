"""Fill an instrument plugin's folder: its DDSP model, the model's hash and its condition."""

from __future__ import annotations

import hashlib
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
    """Measure the condition of a plugin's DDSP model and record both in `instrument.yaml`.

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
    digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
    # The file is edited as text, so that the author's comments and order stay.
    text, count = re.subn(
        r"(?m)^(\s+sha256:).*$", rf'\1 "{digest}"', description.read_text(encoding="utf-8"), count=1
    )
    if count == 0:
        raise PluginError(f"{description}: no 'sha256:' line under 'ddsp:' to fill in")
    if pitches is not None:
        notes = ", ".join(f"{pitch:g}" for pitch in pitches)
        text = re.sub(r"(?m)^(\s+notes:).*$", rf"\1 [{notes}]", text, count=1)
    path = folder / config.condition.file
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, vector, allow_pickle=False)
    with atomic_write(description) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
