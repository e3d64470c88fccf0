"""Draw the pictures of the guide to scores: an alignment, and the masks of a string quartet.

    python tools/score_pictures.py [--out docs/images]

The alignment is that of `score align`. A mask is what `separate --score` leaves of each bin of the
mixture for a stem: the magnitude of the stem over that of the mixture.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from readme_picture import HOP, LOWEST_HZ, RANGE_DB, WINDOW, spectrogram
from timbresep import audio

ROOT = Path(__file__).resolve().parents[1]
QUARTET = ROOT / "examples" / "scores" / "quartet"
STEMS = ("violin_1", "violin_2", "viola", "cello")
SECONDS, HIGHEST_HZ = 10.0, 4000.0
WIDTH, COLOURS = 800, 48  # small files


def run(*arguments: str | Path) -> None:
    """Run the program."""
    subprocess.run([sys.executable, str(ROOT / "cli.py"), *map(str, arguments)], check=True)


def small(picture: Path, out: Path) -> None:
    """Write a picture with few pixels and colours."""
    with Image.open(picture) as image:
        height = round(image.height * WIDTH / image.width)
        shrunk = image.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        shrunk.quantize(COLOURS).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


def draw_masks(stems: Path, out: Path) -> None:
    """The mixture's spectrogram, and below it the mask of each stem out of a folder."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    wave, rate = audio.read(QUARTET.with_suffix(".flac"))
    mixture = spectrogram(wave[:, : round(SECONDS * rate)])
    level = 20 * np.log10(np.maximum(mixture / mixture.max(), 1e-6))
    times = np.arange(mixture.shape[1]) * HOP / rate
    hertz = np.fft.rfftfreq(WINDOW, 1 / rate)
    size = (8.0, 7.2)
    figure, axes = plt.subplots(1 + len(STEMS), sharex=True, figsize=size, layout="constrained")
    axes[0].pcolormesh(times, hertz, level, vmin=-RANGE_DB, vmax=0, cmap="magma", rasterized=True)
    axes[0].set_ylabel("mixture", fontweight="bold")
    heard = level > -RANGE_DB  # elsewhere a mask says nothing
    for axis, name in zip(axes[1:], STEMS, strict=True):
        stem = spectrogram(audio.read(stems / f"{name}.wav")[0][:, : round(SECONDS * rate)])
        mask = np.where(heard, np.minimum(stem / np.maximum(mixture, 1e-9), 1), 0)
        axis.pcolormesh(times, hertz, mask, vmin=0, vmax=1, cmap="Greys", rasterized=True)
        axis.set_ylabel(name, fontweight="bold")
    for axis in axes:
        axis.set_yscale("log")
        axis.set_ylim(LOWEST_HZ, HIGHEST_HZ)
        axis.set_yticks([100, 1000], ["100 Hz", "1 kHz"])
    axes[-1].set_xlabel("seconds")
    figure.savefig(out, dpi=120)


def main() -> None:
    """Align, separate, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    out: Path = parser.parse_args().out
    mixture, score = QUARTET.with_suffix(".flac"), QUARTET.with_suffix(".mxl")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run("score", "align", mixture, score, "-o", folder)
        small(folder / f"{mixture.stem}.png", out / "score-alignment.png")
        run("separate", mixture, "--score", score, "-o", folder)
        draw_masks(folder / mixture.stem, folder / "masks.png")
        small(folder / "masks.png", out / "score-masks.png")


if __name__ == "__main__":
    main()
