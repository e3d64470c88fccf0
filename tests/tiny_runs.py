"""Trainings of a second or two: tones for tracks, and a network of a few thousand weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

from timbresep.training.request import TrainRequest

RATE = 44_100
TINY = {
    **{"n_fft": 1024, "hop": 512, "bands": 128, "width": 32, "hidden": 16, "layers": 1},
    "embedding": 16,
}
TWO = {"bass": 100.0, "flute": 1500.0}


def write_tones(root: Path, hertz: Mapping[str, float] = TWO) -> Path:
    """Tracks of tones, one an instrument, the lowest with changing levels: easy to tell apart."""
    time = np.arange(2 * RATE) / RATE
    for k, split in enumerate(["train", "train", "valid"]):
        folder = root / f"track{k}"
        folder.mkdir(parents=True)
        for name, hz in hertz.items():
            swell = 1 + 0.5 * np.sin(2 * np.pi * (1 + k) * time) if hz < 200 else 1.0
            soundfile.write(
                folder / f"{name}.wav", 0.2 * swell * np.sin(2 * np.pi * hz * time), RATE
            )
        (folder / "track.yaml").write_text(f"split: {split}\nlicence: CC0\n")
    return root


def request(tones: Path, out: Path, **options: object) -> TrainRequest:
    """A training on `tones`; `options` are those of `TrainRequest`."""
    defaults: dict[str, object] = {
        "instruments": ("bass", "flute"),
        "roots": {"tones": tones},
        "arguments": TINY,
        "batch_size": 4,
        "targets": 2,
        "seconds": 0.5,
        "workers": 0,
        "learning_rate": 5e-3,
        "validate_every": 1000,
        "device": "cpu",
    }
    return TrainRequest(out=out, **{**defaults, **options})  # type: ignore[arg-type]


def silent(_: float, __: str) -> None:
    """Report nothing."""
