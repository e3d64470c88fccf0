"""Measure the DDSP model of every bundled instrument and write its model card.

    python cli.py data solos NAME --seed 1 --minutes 1.5 -o HELD_OUT/NAME    (for each instrument)
    python benchmarks/instrument_cards.py HELD_OUT

HELD_OUT holds a folder of solos for each instrument. Each is resynthesised from its pitch and
loudness, and compared with itself: median pitch error in cents, mean loudness error in dB over
sounding frames. The card, `README.md` in the plugin's folder, gets these and the model's record.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from core.conditioner import EDGES, HARMONICS
from core.config import atomic_write
from core.data import recipe as recipes
from core.ddsp import prepared
from core.ddsp.features import FRAME_RATE, HOP, SAMPLE_RATE, extract
from core.ddsp.model import DdspModel
from core.instrument import Instrument
from core.registry import Registry

CHUNK = 4 * FRAME_RATE  # frames resynthesised at once


def measure(instrument: Instrument, solos: list[Path]) -> tuple[float, float, float]:
    """(median pitch error in cents, mean loudness error in dB, minutes) over unheard solos."""
    model = DdspModel.load(instrument.ddsp_file).eval()
    with tempfile.TemporaryDirectory() as folder:
        data = prepared.load(
            prepared.prepare(solos, instrument.f0_range, Path(folder) / "solos.safetensors")
        )
    cents, levels = [], []
    for start in range(0, data.frames - CHUNK + 1, CHUNK):
        span = slice(start, start + CHUNK)
        voiced = data.voiced()[span]
        if voiced.float().mean() < 0.5:
            continue
        noise = torch.Generator().manual_seed(0)
        with torch.no_grad():
            audio = model(data.f0_hz[span][None], data.loudness_db[span][None], noise)[0]
        found = extract(audio.numpy().astype(np.float32), SAMPLE_RATE, instrument.f0_range)
        both = voiced.numpy()
        ratio = found.f0_hz[:CHUNK][both] / data.f0_hz[span].numpy()[both]
        cents.append(np.abs(1200 * np.log2(ratio)))
        error = np.abs(found.loudness_db[:CHUNK] - data.loudness_db[span].numpy())
        levels.append(error[data.sounding()[span].numpy()])
    minutes = data.frames * HOP / SAMPLE_RATE / 60
    return float(np.median(np.concatenate(cents))), float(np.concatenate(levels).mean()), minutes


def card(instrument: Instrument, cents: float, level: float, minutes: float) -> str:
    """The model card as Markdown."""
    about = DdspModel.load(instrument.ddsp_file).metadata
    training, config = about["training"], about["config"]
    sources = sorted({name.split("-")[1] for name in about["solos"]["files"]})
    programs = sorted({int(name.split("-")[2]) for name in about["solos"]["files"]})
    used = ", ".join(recipes.load(instrument.recipe_file).sources)
    low, high = instrument.f0_range
    size = sum(value.numel() for value in DdspModel.load(instrument.ddsp_file).parameters())
    return f"""# {instrument.name}

What the separator knows of this instrument: a DDSP model trained on solos, and the condition
vector measured on it.

| | |
|---|---|
| f0 range | {low:g} to {high:g} Hz |
| other names | {", ".join(instrument.aliases)} |
| training solos | {training["minutes"]:.1f} minutes of rendered notes and tunes |
| sound sources | {", ".join(sources)}; General MIDI programs {", ".join(map(str, programs))} |
| licence of the audio | {"; ".join(instrument.config.licences.data)} |
| licence of the weights | {instrument.config.licences.weights} |
| sources in the recipe | {used} |

## DDSP model

`ddsp.safetensors`: {size / 1e3:.0f} k parameters in half precision, {config["n_harmonics"]}
harmonics and {config["n_noise"]} noise bands at 16 kHz.

    python cli.py data solos {instrument.name} -o solos/{instrument.name}
    {about["command"]}

{training["steps"]} steps of {training["batch"]} × {training["seconds"]:g} s in 6.5 minutes on one
core of a 2-core AMD EPYC virtual machine, 2026-11-23. Multi-scale spectral loss
{training["first_loss"]:.1f} at first, {training["last_loss"]:.1f} at the end,
{training["valid_loss"]:.1f} on passages held out.

Resynthesis of {minutes:.1f} minutes of solos that the model has not heard (same sound sources,
other notes): median pitch error {cents:.1f} cents, mean loudness error {level:.1f} dB.
(`python benchmarks/instrument_cards.py`)

## Condition

`condition.npy`: {HARMONICS} harmonics in each of {len(EDGES) + 1} pitch registers, log-compressed,
with the share of notes in each; version {instrument.config.condition.version}, measured on every
semitone of the range that the model has heard, at three loudness levels. No effect of duration
or gain.
"""


def main() -> None:
    """Measure and write all cards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("held_out", type=Path)
    held_out = parser.parse_args().held_out
    torch.set_num_threads(1)
    for instrument in Registry.load().instruments():
        solos = sorted(p for p in (held_out / instrument.name).iterdir() if p.suffix == ".flac")
        cents, level, minutes = measure(instrument, solos)
        print(f"{instrument.name}: {cents:.1f} cents, {level:.2f} dB over {minutes:.1f} min")
        with atomic_write(instrument.folder / "README.md") as temporary:
            temporary.write_text(card(instrument, cents, level, minutes), encoding="utf-8")


if __name__ == "__main__":
    main()
