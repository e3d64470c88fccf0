"""The model card of an instrument's voice: the generated part of the README in its folder.

It lies between two markers. What an author writes before and after them is kept; a README without
markers is kept whole and the part added at its end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from timbresep.ddsp.features import FRAME_RATE
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.picture import write_comparison
from timbresep.ddsp.prepared import Prepared
from timbresep.ddsp.resynthesis import Likeness, Played, measure
from timbresep.files import write_text
from timbresep.instrument import InstrumentConfig, own_file
from timbresep.voice.log import passage

BEGIN = "<!-- written by `ddsp train`: begin -->"
END = "<!-- written by `ddsp train`: end -->"
PICTURE = "resynthesis.png"


def write_card(folder: Path, config: InstrumentConfig, data: Prepared) -> tuple[Likeness, Played]:
    """Measure a voice on the solos held out of its training; write card and picture.

    Args:
        folder: the plugin's.
        config: its `instrument.yaml`.
        data: the solos that its model was trained on.

    Returns:
        What was measured, and the passage of the picture.

    Raises:
        CheckpointError: the model is missing or damaged.
        DataError: nothing sounds in the held-out solos.
    """
    model = DdspModel.load(own_file(folder, config.ddsp.file))
    likeness = measure(model, data, data.held_out())
    played = Played.of(model, data, passage(data))
    write_comparison(folder / PICTURE, played.original, played.audio)
    text = merge(
        _read(folder / "README.md") or f"# {config.name}\n",
        card(config, model, likeness, data),
    )
    write_text(folder / "README.md", text)
    return likeness, played


def merge(before: str, part: str) -> str:
    """A README with its generated part replaced, or added at the end."""
    block = f"{BEGIN}\n{part.strip()}\n{END}"
    start, end = before.find(BEGIN), before.find(END)
    if 0 <= start < end:
        return before[:start] + block + before[end + len(END) :]
    return f"{before.rstrip()}\n\n{block}\n"


def card(config: InstrumentConfig, model: DdspModel, likeness: Likeness, data: Prepared) -> str:
    """The generated part, as Markdown.

    Args:
        config: the plugin's `instrument.yaml`.
        model: its voice; the file's header says how it was trained.
        likeness: measured on the held-out solos.
        data: all the solos.
    """
    size, about = model.config, model.metadata
    pitch = f"{config.f0_range[0]:g} to {config.f0_range[1]:g} Hz" if config.f0_range else "none"
    cents = "—" if likeness.f0_cents is None else f"{likeness.f0_cents:.1f} cents"
    reverb = f"{size.reverb_length / size.sample_rate:g} s" if size.reverb_length else "none"
    held_out = about.get("training", {}).get("held_out") or data.held_out_names()
    precision = "half" if about.get("half", True) else "single"
    weights = sum(value.numel() for value in model.parameters()) / 1e3
    return f"""## Voice

`{config.ddsp.file}` is a DDSP model of {weights:.0f} k parameters in {precision} precision. It
gets pitch and loudness, and plays them with {size.n_harmonics} harmonics and {size.n_noise} bands
of noise at 16 kHz.

| | |
|---|---|
| pitch range | {pitch} |
| trained on | {data.frames / FRAME_RATE / 60:.1f} minutes of solos in {len(data.ends)} files |
| held out of training | {held_out} |
| reverb | {reverb} |
| licence of the audio | {"; ".join(config.licences.data)} |
| licence of the weights | {config.licences.weights} |

The voice played {likeness.seconds:.0f} s of held-out solos again, from their pitch and loudness:

| spectral loss | pitch error, median | loudness error, mean |
|---|---|---|
| {likeness.loss:.2f} | {cents} | {likeness.loudness_db:.1f} dB |

![spectrograms of a held-out passage, and of the voice playing it]({PICTURE})

{_training(about) if "training" in about else ""}"""


def _training(about: dict[str, Any]) -> str:
    """How it was trained, from the header of its file."""
    run = about["training"]
    where = f" on {about['hardware']}, {about['date']}" if "hardware" in about else ""
    return f"""Trained with

    {about.get("command", "an unknown command")}

{run["steps"]} steps of {run["batch"]} × {run["passage_seconds"]:g} s took {run["seconds"] / 60:.1f}
minutes{where}. The spectral loss fell from {run["first_loss"]:.1f} to {run["last_loss"]:.1f}.
"""


def _read(path: Path) -> str:
    """Text of a file; empty if there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""
