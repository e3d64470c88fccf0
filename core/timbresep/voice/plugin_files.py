"""Fill an instrument plugin's folder: its DDSP model, the model's hash and its condition."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from timbresep.condition import vector as conditioner
from timbresep.condition.tone_table import Array, ToneTable
from timbresep.config import atomic_writes, load_yaml
from timbresep.errors import PluginError
from timbresep.instrument import InstrumentConfig, own_file

DESCRIPTION = "instrument.yaml"


def build_condition(
    folder: Path,
    pitches: Sequence[float] | None = None,
    version: int = conditioner.CONDITION_VERSION,
    recorded: ToneTable | None = None,
) -> Path:
    """Measure the condition of a plugin's DDSP model, and of recorded notes where there are some.

    A model of few notes has faults of its own, and so has each recording: the vector is the mean.

    The vector goes to `condition.npy`; where it comes from (hash of the model, notes, levels,
    sample rate, versions) to `condition.json` beside it; the model's hash and the version of the
    vector's definition to `instrument.yaml`.

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
        PluginError: `instrument.yaml` has no line for the hash.
    """
    description = folder / DESCRIPTION
    config = load_yaml(description, InstrumentConfig)
    model_file = own_file(folder, config.ddsp.file)
    table = conditioner.build(model_file, config.f0_range)
    vector: Array = conditioner.condition(table, pitches, version=version)
    if recorded:
        vector = (vector + conditioner.condition(recorded, version=version)) / np.float32(2)
    origin = conditioner.provenance(model_file, table, pitches, version)
    origin["measured_on"] = ["DDSP model", *(["recorded notes"] if recorded else [])]
    text = _filled_in(description, str(origin["ddsp_sha256"]), version)
    path = own_file(folder, config.condition.file)
    with atomic_writes([path, path.with_suffix(".json"), description]) as (first, second, third):
        with first.open("wb") as file:
            np.save(file, vector, allow_pickle=False)
        second.write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        third.write_text(text, encoding="utf-8")
    return path


def _filled_in(description: Path, sha256: str, version: int) -> str:
    """`instrument.yaml` with another hash and version; edited as text, so that the author's
    comments and order stay."""
    before = description.read_text(encoding="utf-8")
    text, count = re.subn(r"(?m)^(\s+sha256:).*$", rf'\1 "{sha256}"', before, count=1)
    if count == 0:
        raise PluginError(f"{description}: no 'sha256:' line under 'ddsp:' to fill in")
    found = re.search(r"(?m)^condition:[ \t]*(#.*)?\n(([ \t].*)?(\n|\Z))*", text)
    if found is None:
        if re.search(r"(?m)^condition:", text):
            raise PluginError(
                f"{description}: 'condition:' is on one line", "write it as an indented section"
            )
        return f"{text.rstrip()}\n\ncondition:\n  version: {version}\n"
    section, count = re.subn(r"(?m)^(\s+version:)[ \t]*\d+", rf"\1 {version}", found[0])
    if count == 0:
        section = re.sub(r"\n([ \t]*)", rf"\n\1version: {version}\n\1", found[0], count=1)
    return text[: found.start()] + section + text[found.end() :]
