"""How fast stems are fed to a trainer: random windows from FLAC and WAV, and the mixer.

    python benchmarks/data_feed.py [--tracks 12] [--minutes 3] [--windows 200] [--json FILE]

One process, one thread: what one worker of `train --workers` does. Files are noise-like music of
sines and noise, so that FLAC has something to code, and are longer in all than what is read, so
that most windows are sought and decoded; `kept` is the same with files decoded once and kept in
memory, as the mixer does while there is room. Speeds are seconds of one stem per second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from timbresep import audio
from timbresep.backbone import Backbone
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.data.reader import StemReader
from timbresep.data.track import Track
from timbresep.files import write_json
from timbresep.losses import thresholded_snr_loss
from timbresep.registry.registry import Registry
from timbresep.running.provenance import circumstances

RATE = 44_100
NAMES = ("bass", "drums", "other", "vocals")
FORMATS = {
    "flac 16": ("flac", "PCM_16"),
    "flac 24": ("flac", "PCM_24"),
    "wav 16": ("wav", "PCM_16"),
}


def write_tracks(root: Path, count: int, minutes: float, ending: str, subtype: str) -> list[Track]:
    """Stereo tracks of four stems."""
    frames = round(60 * minutes * RATE)
    seconds = np.arange(frames) / RATE
    tracks = []
    for k in range(count):
        rng = np.random.default_rng(k)
        stems = {}
        for name in NAMES:
            swell = 0.2 * (1 + np.sin(2 * np.pi * rng.uniform(0.1, 0.5) * seconds))
            tones = sum(np.sin(2 * np.pi * hz * seconds) for hz in rng.uniform(80, 4000, 4)) / 4
            wave = swell * (tones + 0.1 * rng.standard_normal((2, frames)))  # (2, frames)
            stems[name] = root / f"{k}-{name}-{subtype}.{ending}"
            audio.write(stems[name], wave.astype(np.float32), RATE, subtype)
        tracks.append(Track(f"{k}", f"{k}", "made", "CC0", stems, frames, RATE, "train"))
    return tracks


def read_speed(tracks: list[Track], windows: int, seconds: float, memory_mb: float) -> float:
    """Seconds of stem per second, over random windows of random files."""
    reader, rng = StemReader(memory_mb), np.random.default_rng(0)
    length = round(seconds * RATE)
    files = [(path, track.frames) for track in tracks for path in track.stems.values()]
    if memory_mb:
        for path, total in files:
            reader.window(path, 0, length, total)
    started = time.perf_counter()
    for _ in range(windows):
        path, total = files[int(rng.integers(len(files)))]
        reader.window(path, int(rng.integers(total - length)), length, total)
    return windows * seconds / (time.perf_counter() - started)


def mixture_seconds(tracks: list[Track], config: MixConfig, count: int) -> float:
    """Seconds to make one mixture, reading included."""
    nothing = np.zeros(1, dtype=np.float32)
    data = MixtureDataset(
        tracks, list(NAMES), config, size=count + 2, seed=0, conditions=lambda *_: nothing
    )
    data[count], data[count + 1]
    started = time.perf_counter()
    for k in range(count):
        data[k]
    return (time.perf_counter() - started) / count


def step_seconds(model: Backbone, config: MixConfig, batch: int, dim: int) -> float:
    """Seconds of forward, loss and backward on one thread."""
    mixture = 0.1 * torch.randn(batch, config.channels, config.samples)
    targets = 0.1 * torch.randn(batch, config.targets, config.channels, config.samples)
    conditions = torch.rand(batch, config.targets, dim)
    took = []
    for _ in range(3):
        started = time.perf_counter()
        thresholded_snr_loss(model(mixture, conditions), targets, mixture).mean().backward()
        took.append(time.perf_counter() - started)
    return min(took)


def main() -> None:
    """Measure, print a table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    registry = Registry.load()
    settings = registry.config.training
    config = MixConfig(
        seconds=settings.seconds,
        channels=settings.channels,
        targets=settings.targets,
        memory_mb=0,
    )
    rows: dict[str, dict[str, float]] = {}
    for name, (ending, subtype) in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder:
            tracks = write_tracks(
                Path(folder), arguments.tracks, arguments.minutes, ending, subtype
            )
            mixed = mixture_seconds(tracks, config, 24)
            rows[name] = {
                "sought": read_speed(tracks, arguments.windows, config.seconds, 0),
                "kept": read_speed(tracks[:2], arguments.windows, config.seconds, 1024),
                "mixtures": config.seconds / mixed,
                "mixture_s": mixed,
            }
    dim = len(registry.instruments()[0].condition())
    spec = registry.backbone(settings.backbone)
    model = spec.build(dim, **{**spec.defaults, **settings.arguments})
    step = step_seconds(model, config, settings.batch_size, dim) / settings.batch_size
    view = Table("stems as", "sought", "kept", "mixtures", "mixing, of a step")
    for name, row in rows.items():
        row["share"] = row["mixture_s"] / (row["mixture_s"] + step)
        view.add_row(
            name,
            *(f"{row[key]:.0f}×" for key in ("sought", "kept", "mixtures")),
            f"{100 * row['share']:.0f} %",
        )
    view.caption = (
        f"× real time; {config.seconds:g} s windows, one thread. A mixture's step of "
        f"{settings.backbone} takes {1000 * step:.0f} ms"
    )
    Console(width=100).print(view)
    if arguments.json:
        write_json(arguments.json, {**circumstances(), "rows": rows, "step_s": step})


if __name__ == "__main__":
    main()
