"""Give an instrument plugin its voice: from solo recordings to the DDSP model in its folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from core.config import load_yaml
from core.data import recipe as recipes
from core.data.build import default_cache
from core.data.solos import render_solos
from core.ddsp.decoder import DecoderConfig
from core.ddsp.prepared import prepare
from core.ddsp.training import TrainReport, train
from core.errors import DataError, OutputExistsError
from core.instrument import InstrumentConfig

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")

Report = Callable[[float, str], None]


def train_voice(
    folder: Path,
    solos: Path,
    *,
    steps: int,
    minutes: float | None,
    batch: int,
    seconds: float,
    seed: int,
    device: str,
    overwrite: bool,
    report: Report,
) -> TrainReport:
    """Train the DDSP model of the plugin in ``folder`` on the recordings in ``solos``.

    The sizes come from the plugin's `instrument.yaml`. Features are kept in the cache.

    Args:
        folder: has `instrument.yaml`.
        solos: a folder of recordings of the instrument alone, one note at a time.
        steps: optimiser steps, or fewer if ``minutes`` are over first.
        batch: passages in a step.
        seconds: length of a passage.
        seed: of the weights and the order of passages.
        device: torch device.
        overwrite: replace a model that is there.
        report: told the share done and what is going on.

    Raises:
        ConfigError: `instrument.yaml` is missing or invalid.
        DataError: no usable recordings.
        OutputExistsError: there is a model, and it may not be replaced.
    """
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    out = folder / config.ddsp.file
    if out.exists() and not overwrite:
        raise OutputExistsError(f"{out} exists", "use --overwrite to train it anew")
    if not solos.is_dir():
        raise DataError(f"{solos}: no such folder of solos", "name a folder of recordings")
    files = sorted(
        path for path in solos.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES
    )
    prepared = prepare(
        files,
        config.f0_range,
        default_cache() / "solos" / f"{config.name}.safetensors",
        lambda done, total: report(0.1 * done / total, "reading and tracking pitch"),
    )
    size = config.ddsp
    return train(
        prepared,
        out,
        config=DecoderConfig(
            rnn_channels=size.rnn_channels,
            channels=size.channels,
            layers_per_stack=size.layers_per_stack,
            n_harmonics=size.n_harmonics,
            n_noise=size.n_noise,
        ),
        steps=steps,
        minutes=minutes,
        batch=batch,
        seconds=seconds,
        device=device,
        seed=seed,
        metadata={
            "instrument": config.name,
            "licences": config.licences.data,
            "command": shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]]),
        },
        progress=lambda step, total, loss: report(
            0.1 + 0.9 * step / total, f"step {step}  loss {loss:.3f}"
        ),
    )


def render_voice_solos(
    recipe_file: Path, out: Path, seed: int, minutes: float | None = None
) -> Sequence[Path]:
    """Render the solos that a plugin's recipe describes into ``out``.

    Raises:
        DataError: the recipe has no solos section.
        MissingToolError: fluidsynth, a soundfont or music21 is missing.
    """
    recipe = recipes.load(recipe_file)
    if recipe.solos is None:
        raise DataError(f"{recipe_file} has no 'solos' section", "add one, or record solos")
    spec = recipe.solos if minutes is None else recipe.solos.model_copy(update={"minutes": minutes})
    return render_solos(spec, recipe.voice, out, default_cache(), seed)
