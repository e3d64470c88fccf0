"""How much the transform costs: what an oracle ratio mask reaches for each STFT and band layout.

    python research/transform.py TRACKS [--tracks 12] [--json results.json]

TRACKS is a folder of multitracks. Every layout sees the same tracks in one
run; the figure is the SI-SDR improvement of the oracle over the mixture, the ceiling of any
network that masks magnitudes this way.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile
import torch
from rich.console import Console
from rich.table import Table

from timbresep.evaluation.tracks import tracks_in
from timbresep.files import write_json
from timbresep.joint_mask import ratio_masks
from timbresep.metrics import si_sdr
from timbresep.registry.registry import Registry

LAYOUTS = [  # n_fft, hop, bands
    (2048, 512, 10_000),
    (4096, 1024, 10_000),
    (4096, 2048, 10_000),
    (8192, 2048, 10_000),
    (4096, 2048, 900),
    (4096, 2048, 640),
    (4096, 2048, 480),
    (4096, 2048, 320),
]


def oracle(stems: torch.Tensor, n_fft: int, hop: int, bands: int) -> tuple[int, list[float]]:
    """Bands in use and SI-SDR improvement in dB of each of `stems` (stems, samples)."""
    build = Registry.load().backbone("rnn_mask").build
    model = build(1, n_fft=n_fft, hop=hop, bands=bands, width=1, hidden=1, layers=1)
    spectra = model.stft(stems)  # (stems, bins, frames)
    banded = spectra.abs().new_zeros(len(stems), model.bands, spectra.shape[-1])
    masks = ratio_masks(banded.index_add(1, model.band, spectra.abs()))
    mixture = stems.sum(dim=0)
    estimates = model.stft.inverse(
        masks.index_select(1, model.band) * model.stft(mixture), stems.shape[-1]
    )
    return model.bands, [
        si_sdr(s.numpy()[None], e.numpy()[None]) - si_sdr(s.numpy()[None], mixture.numpy()[None])
        for s, e in zip(stems, estimates, strict=True)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--limit", type=int, default=12, help="tracks to use")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    tracks = tracks_in(arguments.tracks, Registry.load().instruments())[: arguments.limit]
    multitracks = [
        torch.stack(
            [
                torch.from_numpy(soundfile.read(path, dtype="float32", always_2d=True)[0].mean(1))
                for path in track.stems.values()
            ]
        )
        for track in tracks
    ]
    table = Table("n_fft", "hop", "bands", "oracle SI-SDRi (dB)", title=f"{len(tracks)} tracks")
    rows = []
    for n_fft, hop, bands in LAYOUTS:
        found = [oracle(stems, n_fft, hop, bands) for stems in multitracks]
        mean = float(np.mean([value for _, values in found for value in values]))
        rows.append({"n_fft": n_fft, "hop": hop, "bands": found[0][0], "si_sdr_improvement": mean})
        table.add_row(*map(str, (n_fft, hop, found[0][0])), f"{mean:.2f}")
    Console().print(table)
    if arguments.json:
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
