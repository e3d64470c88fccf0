"""Extra instruments: rendered with their tones, drawn in their share, asked for by them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dataset_trees import read_stems
from fakes import library
from timbresep import audio
from timbresep.__main__ import main
from timbresep.commands.app import assemble
from timbresep.condition import tone_store as table_file
from timbresep.condition import vector as conditioner
from timbresep.condition.tone_analysis import RATE
from timbresep.condition.tone_table import BANDS, ToneTable
from timbresep.config import load_yaml
from timbresep.data import recipe as recipes
from timbresep.data.extra_stems import TABLES, extras_in, tables_of
from timbresep.data.extras.listed import BUNDLED, ExtraList
from timbresep.data.extras.sets import seat_with_extras
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import Annotations, MixtureDataset
from timbresep.data.recipe import Soundfont, Voice
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.font_tones import tones_of
from timbresep.data.rendering.plan import TrackSet, plan_tracks
from timbresep.data.rendering.sets import players_of
from timbresep.data.stem_tones import TONES, StemTones
from timbresep.data.track import Track
from timbresep.errors import ConfigError, DataError
from timbresep.registry.registry import Registry

FONT = "FluidR3_GM.sf2"
SQUARE, SINE = 80, 79  # a square wave; an ocarina, whose fundamental is nearly all there is
can_render = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not Path("/usr/share/sounds/sf2", FONT).is_file(),
    reason="needs fluidsynth and FluidR3_GM.sf2",
)


def list_file(root: Path, programs: str = "[80, 79]", extra: str = "") -> Path:
    path = root / "extras.yaml"
    path.write_text(
        f"soundfonts:\n- {{file: {FONT}, licence: MIT}}\n"
        f"instruments:\n- {{programs: {programs}, range: [60, 76], sustained: true{extra}}}\n"
    )
    return path


def test_extra_instruments_are_what_no_plugin_plays(tmp_path: Path) -> None:
    listed = load_yaml(list_file(tmp_path), ExtraList)
    assert {extra.name for extra in listed.without(set())} == {
        "extra_fluidr3_gm_79",
        "extra_fluidr3_gm_80",
    }
    assert [extra.program for extra in listed.without({80})] == [79]


def test_a_mistyped_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="polyphnic"):
        load_yaml(list_file(tmp_path, extra=", polyphnic: true"), ExtraList)


def test_the_list_that_comes_along_has_no_plugins_instruments(registry: Registry) -> None:
    known = [recipes.load(item.recipe_file) for item in registry.instruments()]
    taken = {program for recipe in known for program in recipe.programs}
    listed = {p for row in load_yaml(BUNDLED, ExtraList).instruments for p in row.programs}
    assert len(listed) > 40
    assert not listed & taken
    # Percussion's programs are kits, which are no General MIDI programs of notes.
    assert all(not r.programs for r in known if isinstance(r.voice, recipes.Percussion))


@can_render
def test_a_soundfont_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tones_of(FONT, SQUARE, 0, (60, 64), tmp_path)
    assert table.pitches.tolist() == [60, 62, 64]
    assert (np.diff(table.levels) > 0).all()
    odd, even = table.distributions[..., 0:9:2].sum(-1), table.distributions[..., 1:9:2].sum(-1)
    assert (odd > 5 * even).all(), "a square wave has odd harmonics"
    pure = tones_of(FONT, SINE, 0, (72, 76), tmp_path)
    assert (pure.distributions[..., 0] > 0.6).all()
    monkeypatch.setattr("timbresep.data.rendering.font_tones.render", None)
    again = tones_of(FONT, SQUARE, 0, (60, 64), tmp_path)
    np.testing.assert_array_equal(again.distributions, table.distributions)


Render = Callable[..., Result]


def with_the_one_soundfont(source: str, known: Mapping[str, recipes.Recipe]) -> dict[str, Player]:
    """Players as the recipes have them, but for soundfonts that may not be there."""
    return {
        name: replace(player, soundfonts=tuple(f for f in player.soundfonts if f.file == FONT))
        for name, player in players_of(source, known).items()
    }


@pytest.fixture
def render_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Render:
    """`data extras` for one short track in `made`, with a list of them and more options."""
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("timbresep.data.rendering.scores.chorales", lambda cache: library())
    monkeypatch.setattr("timbresep.data.extras.sets.players_of", with_the_one_soundfont)

    def render(listed: Path, *options: str) -> Result:
        words = ["data", "extras", "-i", "flute,violin", "--count", "1", "--seconds", "5", "6"]
        words += ["--list", str(listed), "-o", str(tmp_path / "made"), *options]
        return CliRunner().invoke(assemble(), words)

    return render


@can_render
def test_tracks_of_extra_instruments_and_plugins_tell_the_tones_of_both(
    tmp_path: Path, render_one: Render
) -> None:
    result = render_one(list_file(tmp_path), "--parts", "3", "--real", "1")
    assert result.exit_code == 0, result.output
    (track,) = read_stems(tmp_path / "made")
    extras = set(extras_in(track.stems))
    assert extras == {"extra_fluidr3_gm_79", "extra_fluidr3_gm_80"}
    (own,) = set(track.stems) - extras
    assert own in ("flute", "violin")
    tables = tables_of(track)
    assert tables is not None
    assert set(table_file.names(tables)) == extras
    assert table_file.names(tables.with_name(TONES)) == [own]
    assert "MIT" in track.licence


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--parts", "3"], "3 extra instruments play in a track, and only 2"),
        (["--parts", "3", "--real", "3"], "no other is"),
    ],
)
def test_more_players_than_there_are_is_told(
    tmp_path: Path, render_one: Render, options: list[str], reason: str
) -> None:
    result = render_one(list_file(tmp_path), *options)
    assert isinstance(result.exception, DataError)
    assert reason in str(result.exception)


def test_a_band_is_the_cast_and_extra_instruments_in_random_order(tmp_path: Path) -> None:
    extras = load_yaml(list_file(tmp_path), ExtraList).without(set())
    font = Soundfont(file=FONT, programs=[73], licence="MIT")
    players = {"flute": Player("flute", Voice(range=(60, 84)), (font,))}
    tracks = TrackSet("train", 12, (4.0, 5.0))
    orders = set()
    for plan in plan_tracks(library(), list(players), 1, tracks):
        band = seat_with_extras(plan, players, extras, parts=3)
        assert seat_with_extras(plan, players, extras, parts=3) == band
        assert [member.player.name for member in band if not member.extra] == ["flute"]
        assert len({member.player.name for member in band}) == 3
        orders.add(tuple(member.player.name for member in band))
    assert len(orders) > 2


def some_table() -> ToneTable:
    rng = np.random.default_rng(3)
    spectra = rng.dirichlet(np.full(60, 0.3), (3, 10)).astype(np.float32)
    noise = np.full((3, 10, BANDS), 0.01, np.float32)
    levels = np.array([-20, -10, 0], np.float32)
    return ToneTable(np.arange(50, 60, dtype=np.float32), levels, spectra, noise)


@pytest.mark.parametrize("matched", [0.0, 1.0])
def test_conditions_are_of_the_sound_that_plays_in_their_share(
    tmp_path: Path, matched: float
) -> None:
    for k in range(2):
        for name, hz in (("bass", 110.0), ("flute", 880.0)):
            wave = 0.1 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)[None].astype(np.float32)
            audio.write(tmp_path / f"t{k}" / f"{name}.wav", wave, RATE, "FLOAT")
        (tmp_path / f"t{k}" / "track.yaml").write_text("split: train\n")
        table_file.write(tmp_path / f"t{k}" / TONES, {"flute": some_table()})

    def own(index: int, rng: np.random.Generator) -> np.ndarray:
        return np.full(conditioner.DIM, 2.0 + index, dtype=np.float32)

    tracks: list[Track] = read_stems(tmp_path)
    assert all(tables_of(track) is None for track in tracks), "no extra instrument is among them"
    config = MixConfig(seconds=0.5, rate=RATE, absent_share=0.0, matched_condition_share=matched)
    tones = StemTones(conditioner.CONDITION_VERSION)
    data = MixtureDataset(
        tracks,
        ["bass", "flute"],
        config,
        size=20,
        seed=0,
        conditions=own,
        annotations=Annotations(tones=tones),
    )
    for k in range(len(data)):
        item = data[k]
        for index, vector in zip(item["instruments"].tolist(), item["conditions"], strict=True):
            measured = float(vector.max()) <= 1.001
            assert measured == (bool(matched) and index == 1)


def test_a_cut_file_of_tones_is_told(tmp_path: Path) -> None:
    audio.write(tmp_path / "t" / "flute.wav", np.zeros((1, RATE), np.float32) + 0.1, RATE, "FLOAT")
    (tmp_path / "t" / "track.yaml").write_text("split: train\n")
    (tmp_path / "t" / TONES).write_bytes(b"cut")
    (track,) = read_stems(tmp_path)
    with pytest.raises(DataError, match="not a whole file of tone tables"):
        StemTones(2).draw(track, "flute", np.random.default_rng(0))
    assert TABLES != TONES


def test_check_tells_extra_instruments_from_what_only_accompanies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "set" / "t"
    for name in ("flute", "extra_a_80", "kazoo"):
        audio.write(folder / f"{name}.wav", np.full((1, RATE), 0.1, np.float32), RATE, "FLOAT")
    (folder / "track.yaml").write_text("split: train\nlicence: MIT\n")
    table_file.write(folder / TABLES, {"extra_a_80": some_table()})
    assert main(["data", "check", "-p", "flute", "--data", f"mine={tmp_path / 'set'}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "extra instruments, which no plugin is for: 1 (0.0 min)" in said
    assert "which only accompany: kazoo (0.0 min)" in said
