"""Guests: tones are heard as they are, and conditions are those of the sound that plays."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

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
from timbresep.data.build import players_of
from timbresep.data.extra_stems import TABLES, tables_of
from timbresep.data.extras.guests import GuestList, among
from timbresep.data.extras.stranger_sets import GUESTS
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.font_tones import tones_of
from timbresep.data.sources.stems import read_stems
from timbresep.data.stem_tones import TONES, StemTones, write_tones
from timbresep.data.track import Track
from timbresep.errors import ConfigError, DataError
from timbresep.registry.registry import Registry

FONT = "FluidR3_GM.sf2"
SQUARE, SINE = 80, 79  # a square wave; an ocarina, whose fundamental is nearly all there is
can_render = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not Path("/usr/share/sounds/sf2", FONT).is_file(),
    reason="needs fluidsynth and FluidR3_GM.sf2",
)


def guests_file(root: Path, programs: str = "[80, 79]", extra: str = "") -> Path:
    path = root / "guests.yaml"
    path.write_text(
        f"soundfonts:\n- {{file: {FONT}, licence: MIT}}\n"
        f"guests:\n- {{programs: {programs}, range: [60, 76], sustained: true{extra}}}\n"
    )
    return path


def test_guests_are_what_no_plugin_plays(tmp_path: Path) -> None:
    listed = load_yaml(guests_file(tmp_path), GuestList)
    assert {guest.program for guest in listed.invite(set(), 2, tmp_path)} == {80, 79}
    assert [guest.program for guest in listed.invite({80}, 1, tmp_path)] == [79]
    with pytest.raises(DataError, match="2 guests play in a track, and only 1"):
        listed.invite({80}, 2, tmp_path)
    drawn = among(listed.invite(set(), 2, tmp_path))(2, np.random.default_rng(0))
    assert len({guest.name for guest in drawn}) == 2


def test_a_mistyped_list_of_guests_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="polyphnic"):
        load_yaml(guests_file(tmp_path, extra=", polyphnic: true"), GuestList)


def test_the_guests_that_come_along_are_no_plugins_instruments(
    registry: Registry, tmp_path: Path
) -> None:
    known = [recipes.load(item.recipe_file) for item in registry.instruments()]
    taken = {program for recipe in known for program in recipe.programs}
    listed = {p for row in load_yaml(GUESTS, GuestList).guests for p in row.programs}
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
    """`data guests` for one short track in `made`, with a list of guests and more options."""
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("timbresep.data.rendering.scores.chorales", lambda cache: library())
    monkeypatch.setattr("timbresep.data.extras.stranger_sets.players_of", with_the_one_soundfont)

    def render(guests: Path, *options: str) -> Result:
        words = ["data", "guests", "-i", "flute,violin", "--count", "1", "--seconds", "5", "6"]
        words += ["--guests", str(guests), "-o", str(tmp_path / "made"), *options]
        return CliRunner().invoke(assemble(), words)

    return render


@can_render
def test_tracks_of_guests_and_plugins_tell_the_tones_of_both(
    tmp_path: Path, render_one: Render
) -> None:
    result = render_one(guests_file(tmp_path), "--parts", "3", "--real", "1")
    assert result.exit_code == 0, result.output
    (track,) = read_stems(tmp_path / "made")
    strange = {name for name in track.stems if name.startswith("guest_")}
    assert len(strange) == 2
    (own,) = set(track.stems) - strange
    assert own in ("flute", "violin")
    tables = tables_of(track)
    assert tables is not None
    assert set(table_file.names(tables)) == strange
    assert table_file.names(tables.with_name(TONES)) == [own]
    assert "MIT" in track.licence


def recorded_guests(root: Path, seconds: float = 1.0) -> Path:
    for name, harmonic in (("oboe", 3), ("viola", 2)):
        for note, hz in (("A3", 220.0), ("A4", 440.0), ("E5", 659.26)):
            time = np.arange(round(seconds * RATE)) / RATE
            wave = np.sin(2 * np.pi * hz * time) + np.sin(2 * np.pi * harmonic * hz * time)
            path = root / "notes" / name / f"{note}.wav"
            audio.write(path, (0.2 * wave)[None].astype(np.float32), RATE, overwrite=True)
    path = root / "recorded.yaml"
    path.write_text(
        f"recordings:\n- root: {root / 'notes'}\n  licence: CC0\n  players:\n"
        "    oboe: {range: [57, 76], sustained: true}\n"
        "    viola: {range: [57, 76], sustained: true}\n"
    )
    return path


def test_recorded_players_are_guests_with_the_tones_of_their_notes(
    tmp_path: Path, render_one: Render
) -> None:
    result = render_one(recorded_guests(tmp_path), "--parts", "2")
    assert result.exit_code == 0, result.output
    (track,) = read_stems(tmp_path / "made")
    assert set(track.stems) == {"guest_notes_oboe", "guest_notes_viola"}
    assert track.licence == "CC0"
    tables = tables_of(track)
    assert tables is not None
    for name, harmonic in (("guest_notes_oboe", 3), ("guest_notes_viola", 2)):
        tones = table_file.read(tables, name).distributions
        assert tones[..., [0, harmonic - 1]].sum(-1).min() > 0.95


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda root: shutil.rmtree(root / "notes" / "viola"), "no folder of notes for viola"),
        (lambda root: recorded_guests(root, seconds=0.1), "too short to be heard"),
    ],
)
def test_recorded_players_that_cannot_be_heard_are_told(
    tmp_path: Path, render_one: Render, harm: Callable[[Path], object], message: str
) -> None:
    listed = recorded_guests(tmp_path)
    harm(tmp_path)
    result = render_one(listed, "--parts", "2")
    assert result.exit_code != 0
    assert isinstance(result.exception, DataError)
    assert message in str(result.exception)


def test_a_recorded_players_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    listed = recorded_guests(tmp_path)
    listed.write_text(listed.read_text().replace("viola:", "../viola:"))
    with pytest.raises(ConfigError, match="viola"):
        load_yaml(listed, GuestList)


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
        write_tones(tmp_path / f"t{k}", {"flute": some_table()})

    def own(index: int, rng: np.random.Generator) -> np.ndarray:
        return np.full(conditioner.DIM, 2.0 + index, dtype=np.float32)

    tracks: list[Track] = read_stems(tmp_path)
    assert all(tables_of(track) is None for track in tracks), "no stranger is among them"
    config = MixConfig(seconds=0.5, rate=RATE, absent_share=0.0, matched_condition_share=matched)
    tones = StemTones(conditioner.CONDITION_VERSION)
    data = MixtureDataset(
        tracks, ["bass", "flute"], config, size=20, seed=0, conditions=own, tones=tones
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


def test_check_tells_strangers_from_what_only_accompanies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "set" / "t"
    for name in ("flute", "guest_a_80", "kazoo"):
        audio.write(folder / f"{name}.wav", np.full((1, RATE), 0.1, np.float32), RATE, "FLOAT")
    (folder / "track.yaml").write_text("split: train\nlicence: MIT\n")
    table_file.write(folder / TABLES, {"guest_a_80": some_table()}, {})
    assert main(["data", "check", "-p", "flute", "--data", f"mine={tmp_path / 'set'}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "extra instruments, which no plugin is for: 1 (0.0 min)" in said
    assert "which accompany: kazoo (0.0 min)" in said
