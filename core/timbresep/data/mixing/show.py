"""What a network is trained on: some mixtures with their targets, as WAV and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep import audio
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.data.skipped import Skipped
from timbresep.data.track import Track
from timbresep.errors import OutputExistsError
from timbresep.figure import new_figure, save_figure

N_FFT = 2048
RANGE_DB = (-90.0, -10.0)  # of a picture; a sine as loud as the mixture has 0 dB


@dataclass(frozen=True)
class Example:
    """One mixture (channels, samples) and its targets by instrument, silent ones included."""

    mixture: NDArray[np.float32]
    targets: dict[str, NDArray[np.float32]]


def draw_examples(
    tracks: Sequence[Track], names: Sequence[str], config: MixConfig, count: int, seed: int
) -> list[Example]:
    """The first mixtures of a training run with this seed.

    Args:
        tracks: those to mix; only the training side is used.
        names: the instruments asked for.
        config: how mixtures are made.
        count: how many.
        seed: as `train --seed`.

    Raises:
        DataError: no training track has one of the instruments.
    """
    train = [track for track in tracks if track.split == "train"]
    nothing = np.zeros(1, dtype=np.float32)
    data = MixtureDataset(
        train, names, config, size=count, seed=seed, conditions=lambda *_: nothing
    )
    examples = []
    for item in (data[k] for k in range(count)):
        asked = [names[k] for k in item["instruments"].tolist()]
        targets = dict(zip(asked, item["targets"].numpy(), strict=True))
        examples.append(Example(item["mixture"].numpy(), targets))
    Skipped().add(data.skipped)
    return examples


def write_examples(
    examples: Sequence[Example], rate: int, out: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write `OUT/batch.png`, and `OUT/01-mixture.wav` and `OUT/01-<instrument>.wav` for each.

    Targets that are silent, because their instrument is absent, are only in the picture.

    Args:
        examples: what to write.
        rate: Hz.
        out: folder, made if missing.
        overwrite: replace files that are there.
    Returns:
        the files.
    Raises:
        OutputExistsError: one of them is there and may not be replaced.
    """
    waves: dict[Path, NDArray[np.float32]] = {}
    for number, example in enumerate(examples, start=1):
        waves[out / f"{number:02d}-mixture.wav"] = example.mixture
        for name, wave in example.targets.items():
            if wave.any():
                waves[out / f"{number:02d}-{name}.wav"] = wave
    if not overwrite and (there := [path for path in waves if path.exists()]):
        raise OutputExistsError(f"{there[0]} exists", "choose another --out, or use --overwrite")
    picture = out / "batch.png"
    _draw(examples, rate, picture, overwrite=overwrite)
    for path, wave in waves.items():
        audio.write(path, wave, rate, overwrite=overwrite)
    return [picture, *waves]


def _draw(examples: Sequence[Example], rate: int, out: Path, *, overwrite: bool) -> None:
    """A row for each mixture: its spectrogram, then its targets', all on one scale of level."""
    columns = 1 + max(len(example.targets) for example in examples)
    figure = new_figure(2.6 * columns, 0.4 + 1.6 * len(examples), out, overwrite=overwrite)
    grid = figure.subplots(len(examples), columns, squeeze=False, sharex=True, sharey=True)
    for number, (row, example) in enumerate(zip(grid, examples, strict=True), start=1):
        shown = {"mixture": example.mixture, **example.targets}
        loudest = float(np.abs(example.mixture).max()) or 1.0
        for axes in row[len(shown) :]:
            axes.set_axis_off()
        for axes, (name, wave) in zip(row[: len(shown)], shown.items(), strict=True):
            level = _spectrogram(wave.mean(axis=0) / loudest)
            extent = (0.0, wave.shape[1] / rate, 0.0, rate / 2000)
            axes.imshow(level, "magma", extent=extent, aspect="auto", origin="lower",
                        vmin=RANGE_DB[0], vmax=RANGE_DB[1])  # fmt: skip
            absent = "" if wave.any() else " (absent)"
            axes.set_title(f"{name}{absent}", fontsize=8)
        row[0].set_ylabel(f"{number:02d}\nkHz", fontsize=8)
    grid[-1, 0].set_xlabel("s", fontsize=8)
    save_figure(figure, out, overwrite=overwrite)


def _spectrogram(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Levels in dB, (bins, frames), of a waveform (samples,)."""
    hop = N_FFT // 4
    padded = np.pad(wave, (0, max(0, N_FFT - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::hop]  # (frames, N_FFT)
    window = np.hanning(N_FFT).astype(np.float32)
    magnitude = np.abs(np.fft.rfft(frames * window)) / window.sum()
    level: NDArray[np.float32] = 20 * np.log10(np.maximum(magnitude.T, 1e-6)).astype(np.float32)
    return level
