"""The folder of an instrument that was made from a few notes: description, recipe, model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from timbresep.condition.note_detection import SoloNotes, name_notes
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.report import TrainReport
from timbresep.instrument import Instrument


@dataclass(frozen=True)
class NewInstrument:
    """What was made.

    Attributes:
        folder: the plugin.
        solo: the notes that were found.
        fits: instrument → spectral loss of its voice on the notes, before any training.
        start: the instrument whose voice was the start.
        training: how the fine-tuning went.
    """

    folder: Path
    solo: SoloNotes
    fits: Mapping[str, float]
    start: str
    training: TrainReport


def describe(made: NewInstrument, start: Instrument, voice: DdspModel, licence: str) -> None:
    """Write `instrument.yaml`, `recipe.yaml` and the model card into the plugin's folder.

    Args:
        made: what was found and trained.
        start: the instrument whose voice was the start.
        voice: the voice.
        licence: terms of the recordings.
    """
    folder = made.folder
    low, high = made.solo.f0_range
    size = voice.config
    name, notes = made.folder.name, made.solo.notes
    description = {
        "name": name,
        "f0_range": [low, high],
        "ddsp": {
            "file": "ddsp.safetensors",
            "rnn_channels": size.rnn_channels,
            "channels": size.channels,
            "layers_per_stack": size.layers_per_stack,
            "n_harmonics": size.n_harmonics,
            "n_noise": size.n_noise,
            "reverb_length": size.reverb_length,
        },
        "condition": {"file": "condition.npy"},
        "licences": {
            "weights": f"as the recordings ({licence}) and the voice of {start.name} "
            f"({start.config.licences.weights})",
            "data": [*start.config.licences.data, licence],
        },
    }
    _write_yaml(folder / "instrument.yaml", description, "f0_range in Hz, from the notes found.")
    middle = (notes[0] + notes[-1]) / 2
    reach = max((notes[-1] - notes[0]) / 2, 6.5)  # a voice spans more than an octave
    recipe = {
        "use": ["tracks"],
        "voice": {"range": [int(middle - reach), int(middle + reach) + 1]},
        "sources": {"tracks": {"kind": "stems", "root": "tracks", "licence": licence}},
    }
    _write_yaml(
        folder / "recipe.yaml",
        recipe,
        f"To train a separator that knows it: multitracks as tracks/<track>/{name}.wav, or --data.",
    )
    (folder / "README.md").write_text(_card(made, licence), encoding="utf-8")


def _write_yaml(path: Path, data: Mapping[str, object], remark: str) -> None:
    text = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, default_flow_style=False)
    path.write_text(f"# {remark}\n{text}", encoding="utf-8")


def _card(made: NewInstrument, licence: str) -> str:
    """The model card as Markdown."""
    low, high = made.solo.f0_range
    training = made.training
    fits = "\n".join(f"| {name} | {loss:.2f} |" for name, loss in sorted(made.fits.items()))
    return f"""# {made.folder.name}

Made from a few solo notes. The voice is that of {made.start}, fine-tuned on them; the condition
vector is measured on that voice and on the notes as they were recorded.

| | |
|---|---|
| recordings | {len(made.solo.audio)} files, {made.solo.seconds:.1f} s; {licence} |
| notes | {name_notes(made.solo.notes)} |
| f0 range | {low:g} to {high:g} Hz |
| training | {training.steps} steps in {training.seconds:.0f} s |
| spectral loss | {training.first_loss:.2f} at first, {training.last_loss:.2f} at the end |

Outside of these notes nothing is known of the instrument. More notes, from low to high and from
soft to loud, make a better condition; minutes of solos make a better voice (`ddsp train`).

Spectral loss of each voice on the notes, before training; the lowest was the start:

| voice | loss |
|---|---|
{fits}
"""
