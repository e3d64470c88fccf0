"""Draw the README's picture: spectrograms of the bundled demo and of three stems out of it.

    python tools/readme_picture.py [--out docs/images/separation.png]

The stems are those that `separate` gives with the default separator and settings.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from timbresep import audio

ROOT = Path(__file__).resolve().parents[1]
MIXTURE = ROOT / "data" / "starter" / "demo" / "mixture.flac"
STEMS = ("violin", "flute", "bass")
SECONDS = 10.0
WINDOW, HOP = 4096, 1024
LOWEST_HZ, HIGHEST_HZ = 40.0, 8000.0
RANGE_DB = 60.0
COLOURS = 48


def spectrogram(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """Magnitudes (bins, frames) of the mean of all channels."""
    mono = wave.mean(axis=0)
    starts = range(0, len(mono) - WINDOW, HOP)
    frames = np.stack([mono[at : at + WINDOW] for at in starts]) * np.hanning(WINDOW)
    return np.abs(np.fft.rfft(frames)).T


def separated(folder: Path) -> dict[str, Path]:
    """The stems' files, made by the command line."""
    command = [sys.executable, str(ROOT / "cli.py"), "separate", str(MIXTURE)]
    subprocess.run([*command, "-i", ",".join(STEMS), "-o", str(folder)], check=True)
    return {name: folder / MIXTURE.stem / f"{name}.wav" for name in STEMS}


def draw(parts: dict[str, tuple[NDArray[np.float32], int]], out: Path) -> None:
    """One spectrogram below the other, each in dB of its own loudest bin."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(parts), sharex=True, figsize=(8.0, 5.6), layout="constrained")
    for axis, (name, (wave, rate)) in zip(axes, parts.items(), strict=True):
        magnitude = spectrogram(wave[:, : round(SECONDS * rate)])
        level = 20 * np.log10(np.maximum(magnitude / magnitude.max(), 1e-6))
        times = np.arange(level.shape[1]) * HOP / rate
        hertz = np.fft.rfftfreq(WINDOW, 1 / rate)
        axis.pcolormesh(times, hertz, level, vmin=-RANGE_DB, vmax=0, cmap="magma", rasterized=True)
        axis.set_yscale("log")
        axis.set_ylim(LOWEST_HZ, HIGHEST_HZ)
        axis.set_yticks([100, 1000], ["100 Hz", "1 kHz"])
        axis.set_ylabel(name, fontweight="bold")
    axes[-1].set_xlabel("seconds")
    figure.savefig(out, dpi=100)
    with Image.open(out) as image:  # few colours: a small file
        image.convert("RGB").quantize(COLOURS).save(out, optimize=True)


def main() -> None:
    """Separate, read, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "separation.png")
    out: Path = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        files = {"mixture": MIXTURE, **separated(Path(folder))}
        draw({name: audio.read(path) for name, path in files.items()}, out)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
