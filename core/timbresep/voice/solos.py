"""The solos that a voice learns from: a folder of recordings, or those of the plugin's recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from timbresep.data import recipe as recipes
from timbresep.data.rendering.solos import render_solos
from timbresep.data.user_cache import default_cache
from timbresep.ddsp import prepared as solos_file
from timbresep.errors import DataError, MissingToolError
from timbresep.instrument import InstrumentConfig, own_file
from timbresep.running.progress import Progress

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")


def prepare_solos(
    folder: Path, config: InstrumentConfig, solos: Path | None, report: Progress
) -> Path:
    """Audio and features of an instrument's solos in one file, in the cache.

    Args:
        folder: the plugin's.
        config: its `instrument.yaml`.
        solos: a folder of recordings; None renders those of the plugin's recipe.
        report: called with the first tenth of the share done.

    Raises:
        DataError, AudioError, MissingToolError: as `train_voice`.
    """
    if solos is None:
        report(0.0, "rendering solos")
        files = _rendered(own_file(folder, config.recipe), config.name)
    else:
        files = recordings(solos)
    return solos_file.prepare(
        files,
        config.f0_range,
        default_cache() / "solos" / f"{config.name}.safetensors",
        lambda done, total: report(0.1 * done / total, "reading and tracking pitch"),
    )


def recordings(folder: Path) -> list[Path]:
    """The audio files in a folder and below, sorted.

    Raises:
        DataError: no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of solos", "name a folder of recordings")
    visible = (p for p in folder.rglob("*") if p.name[0] != ".")  # hidden: half written
    files = sorted(p for p in visible if p.is_file() and p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"{folder}: no recordings in it", f"put {', '.join(SUFFIXES)} files there")
    return files


def render_voice_solos(
    recipe_file: Path, out: Path, seed: int, minutes: float | None = None
) -> Sequence[Path]:
    """Render the solos that a plugin's recipe describes into ``out``.

    Raises:
        DataError: the recipe has no solos section.
        MissingToolError: a soundfont, the program that plays it, or music21 is missing.
    """
    recipe = recipes.load(recipe_file)
    if recipe.solos is None:
        raise DataError(f"{recipe_file} has no 'solos' section", "add one, or record solos")
    spec = recipe.solos if minutes is None else recipe.solos.model_copy(update={"minutes": minutes})
    return render_solos(spec, recipe.voice, out, default_cache(), seed=seed)


def _rendered(recipe_file: Path, name: str) -> Sequence[Path]:
    """The recipe's solos, rendered into the cache unless they are there."""
    recipe = recipes.load(recipe_file)
    if recipe.solos is None:
        raise DataError(
            f"{recipe_file} has no 'solos' section",
            "add one, or give a folder of recordings with --solos",
        )
    version = recipe.solos.model_dump_json() + recipe.voice.model_dump_json()
    digest = hashlib.sha256(version.encode()).hexdigest()[:12]
    try:
        return render_voice_solos(recipe_file, default_cache() / "solos" / f"{name}-{digest}", 0)
    except MissingToolError as error:
        hint = f"{error.hint.partition(',')[0]}, or give a folder of recordings with --solos"
        raise MissingToolError(error.message, hint) from error
