"""Resynthesise solos held out of training with the voice of every registered instrument.

    python cli.py data solos NAME --seed 1 --minutes 1.5 -o HELD_OUT/NAME    (for each instrument)
    python benchmarks/instrument_cards.py HELD_OUT [--json FILE]

HELD_OUT holds a folder of solos for each instrument; instruments without one are left out. Prints
spectral loss, median pitch error and mean loudness error. A voice's own card, which `ddsp train`
writes, has the same figures for the recordings that were held out of its training.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch

from timbresep.ddsp import prepared
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.resynthesis import Likeness, measure
from timbresep.files import write_json
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.voice.solos import recordings


def likeness(instrument: Instrument, solos: list[Path]) -> Likeness:
    """How near the instrument's voice comes to solos held out of its training."""
    with tempfile.TemporaryDirectory() as folder:
        file = prepared.prepare(solos, instrument.f0_range, Path(folder) / "solos.safetensors")
        data = prepared.load(file)
    return measure(DdspModel.load(instrument.ddsp_file), data, [(0, data.frames)])


def main() -> None:
    """Measure all, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("held_out", type=Path)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    held_out: Path = arguments.held_out
    figures = {}
    torch.set_num_threads(1)
    print("| | solos, s | spectral loss | pitch, cents | loudness, dB |\n|---|---|---|---|---|")
    for instrument in Registry.load().instruments():
        if not (held_out / instrument.name).is_dir():
            continue
        found = likeness(instrument, recordings(held_out / instrument.name))
        figures[instrument.name] = asdict(found)
        cents = "—" if found.f0_cents is None else f"{found.f0_cents:.1f}"
        print(
            f"| {instrument.name} | {found.seconds:.0f} | {found.loss:.2f} | {cents} "
            f"| {found.loudness_db:.1f} |"
        )
    if arguments.json:
        write_json(arguments.json, figures)


if __name__ == "__main__":
    main()
