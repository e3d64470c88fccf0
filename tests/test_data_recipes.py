"""Every bundled plugin folder has a recipe that its instrument can play, and may be trained on."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from timbresep.config import load_yaml
from timbresep.data import recipe as recipes
from timbresep.data.recipe import DatasetSpec, Percussion, Recipe, RenderedSpec, Soundfont
from timbresep.errors import ConfigError
from timbresep.instrument import InstrumentConfig

FOLDERS = sorted(
    path.parent
    for path in (Path(__file__).parents[1] / "plugins" / "instruments").glob("*/recipe.yaml")
)
RESERVED = ("tonejs", "sectoid", "timgm6mb", "gmbank", "medleydb")  # for evaluation alone

Plugin = tuple[InstrumentConfig, Recipe]


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def plugin(request: pytest.FixtureRequest) -> Plugin:
    folder = request.param
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    assert config.name == folder.name
    return config, recipes.load(folder / "recipe.yaml")


def soundfonts(recipe: Recipe) -> list[Soundfont]:
    rendered = [spec for spec in recipe.sources.values() if isinstance(spec, RenderedSpec)]
    solos = recipe.solos.soundfonts if recipe.solos else []
    return [font for spec in rendered for font in spec.soundfonts] + list(solos)


def test_there_are_recipes() -> None:
    assert len(FOLDERS) >= 6


def test_can_be_rendered_together_and_alone(plugin: Plugin) -> None:
    config, recipe = plugin
    assert isinstance(recipe.sources["orchestra"], RenderedSpec)
    assert recipe.solos is not None
    assert config.licences.data
    assert all(font.licence for font in soundfonts(recipe))


def test_solos_have_time_for_each_program(plugin: Plugin) -> None:
    _, recipe = plugin
    assert recipe.solos is not None
    programs = sum(len(font.programs) for font in recipe.solos.soundfonts)
    assert recipe.solos.minutes * 60 / 45 >= programs


def test_notes_are_ones_the_instrument_has(plugin: Plugin) -> None:
    config, recipe = plugin
    if config.f0_range is None:
        assert isinstance(recipe.voice, Percussion)
        return
    assert not isinstance(recipe.voice, Percussion)
    lowest, highest = (69 + 12 * math.log2(hz / 440) for hz in config.f0_range)
    ranges = [recipe.voice.range, *(font.range for font in soundfonts(recipe) if font.range)]
    if recipe.solos is not None and recipe.solos.range is not None:
        ranges.append(recipe.solos.range)
    for low, high in ranges:
        assert lowest - 0.5 <= low < high <= highest + 0.5


def test_nothing_reserved_for_evaluation_is_trained_on(plugin: Plugin) -> None:
    """A dataset that a user has to ask for and to bring (no root, not in `use`) is nothing that
    bundled weights learn from."""
    _, recipe = plugin
    brought = {
        name
        for name, spec in recipe.sources.items()
        if isinstance(spec, DatasetSpec) and not spec.root and name not in recipe.use
    }
    trained = recipe.model_copy(
        update={"sources": {k: v for k, v in recipe.sources.items() if k not in brought}}
    )
    text = trained.model_dump_json().lower()
    assert not [name for name in RESERVED if name in text]
    assert not any(isinstance(trained.sources[name], DatasetSpec) for name in recipe.use)


def test_names_and_aliases_of_all_folders_are_unambiguous() -> None:
    configs = [load_yaml(folder / "instrument.yaml", InstrumentConfig) for folder in FOLDERS]
    names = [name for config in configs for name in (config.name, *config.aliases)]
    assert len(names) == len(set(names))


def test_percussion_has_no_range(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "use: [o]\nvoice: {percussion: true}\nsources:\n  o:\n    kind: rendered\n"
        "    soundfonts: [{file: a.sf2, programs: [0], licence: MIT, range: [30, 60]}]\n"
    )
    with pytest.raises(ConfigError, match="percussion has no range"):
        recipes.load(path)
