"""Recipes are validated, and their sources become each track once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import dataset_trees as trees
from timbresep import audio
from timbresep.commands.options import split_roots
from timbresep.data import recipe as recipes
from timbresep.data.build import build_tracks, list_sources, on_one_side
from timbresep.data.rendering.plan import TrackSet
from timbresep.data.rendering.sets import render_set
from timbresep.data.track import Track
from timbresep.errors import ConfigError, DataError, UnknownNameError
from timbresep.registry.registry import Registry

RECIPE = """
use: [home]
voice: {range: [50, 80]}
sources:
  home: {kind: stems, root: tracks, licence: MIT}
"""


@dataclass(frozen=True)
class Stub:
    name: str
    aliases: tuple[str, ...]
    recipe_file: Path
    programs: tuple[int, ...] = ()


def stub(root: Path, name: str, *aliases: str, text: str = RECIPE) -> Stub:
    folder = root / name
    folder.mkdir()
    (folder / "recipe.yaml").write_text(text)
    return Stub(name, aliases, folder / "recipe.yaml")


def write_track(folder: Path, *stems: str) -> None:
    for stem in stems:
        wave = np.full((1, 100), 0.1, dtype=np.float32)
        path = folder / f"{stem}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, wave, 8_000)


def test_shared_folder_counts_once_and_aliases_name_the_stems(tmp_path: Path) -> None:
    shared = RECIPE.replace("root: tracks", f"root: {tmp_path / 'tracks'}")
    write_track(tmp_path / "tracks" / "one", "fiddle", "viola", "kazoo")
    violin = stub(tmp_path, "violin", "fiddle", text=shared)
    viola = stub(tmp_path, "viola", text=shared)
    (track,) = build_tracks([violin, viola])
    assert set(track.stems) == {"violin", "viola", "kazoo"}
    (alone,) = build_tracks([viola], everyone=[violin, viola])
    assert set(alone.stems) == {"violin", "viola", "kazoo"}


def test_root_beside_the_recipe(tmp_path: Path) -> None:
    violin = stub(tmp_path, "violin")
    write_track(tmp_path / "violin" / "tracks" / "one", "violin", "drums")
    (track,) = build_tracks([violin])
    assert set(track.stems) == {"violin", "drums"}
    assert track.licence == "MIT"


def test_a_folder_of_ones_own_takes_the_place_of_the_recipe(tmp_path: Path) -> None:
    violin = stub(tmp_path, "violin")
    write_track(tmp_path / "violin" / "tracks" / "one", "violin")
    write_track(tmp_path / "mine" / "song", "violin", "organ")
    (track,) = build_tracks([violin], data_roots={"mine": tmp_path / "mine"})
    assert track.name == "song"
    both = build_tracks([violin], (), ["home"], {"mine": tmp_path / "mine"})
    assert {track.name for track in both} == {"one", "song"}


def test_unknown_source_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="'home'"):
        build_tracks([stub(tmp_path, "violin")], source_names=["hmoe"])


def test_two_owners_of_an_alias_are_refused(tmp_path: Path) -> None:
    pair = [stub(tmp_path, "violin", "strings"), stub(tmp_path, "viola", "strings")]
    with pytest.raises(DataError, match="'violin' and 'viola'"):
        build_tracks(pair)


def test_rendered_source_needs_company_and_a_known_name(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "kind: stems, root: tracks, licence: MIT",
        "kind: rendered, soundfonts: [{file: any.sf2, programs: [40], licence: MIT}]",
    )
    alone = stub(tmp_path, "violin", text=text)
    with pytest.raises(DataError, match="only one instrument"):
        render_set([alone], "home", TrackSet("test", 1), tmp_path / "out")
    with pytest.raises(UnknownNameError, match="'home'"):
        render_set([alone], "hme", TrackSet("test", 1), tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("use: [home]", "use: [away]"), "'away' is not one of sources"),
        (("range: [50, 80]", "range: [80, 50]"), "lowest, highest"),
        (("kind: stems", "kind: stem"), "kind"),
        (("licence: MIT", "license: MIT"), "licence"),
        (("range: [50, 80]", "percussion: false"), "percussion"),
        (("range: [50, 80]", "percussion: true, range: [50, 80]"), "range"),
    ],
)
def test_bad_recipes_say_where(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.replace(*change))
    with pytest.raises(ConfigError, match=reason):
        recipes.load(path)


def test_starter_pack_has_the_instruments_that_use_it(registry: Registry, root: Path) -> None:
    everyone = registry.instruments()
    instruments = [i for i in everyone if "starter" in recipes.load(i.recipe_file).use]
    tracks = build_tracks(instruments, everyone)
    for instrument in instruments:
        for split in ("train", "valid"):
            assert any(instrument.name in t.stems for t in tracks if t.split == split)
    assert not any(track.split == "test" for track in tracks)
    size = sum(p.stat().st_size for p in (root / "data" / "starter").rglob("*") if p.is_file())
    assert size < 12e6


def test_a_source_may_name_its_stems_otherwise(tmp_path: Path) -> None:
    text = RECIPE.replace("licence: MIT", "licence: MIT, names: {lead: violin, fiddle: band}")
    violin = stub(tmp_path, "violin", "fiddle", text=text)
    write_track(tmp_path / "violin" / "tracks" / "one", "Lead", "fiddle")
    (track,) = build_tracks([violin])
    assert {name: path.stem for name, path in track.stems.items()} == {
        "violin": "Lead",
        "band": "fiddle",
    }


def with_source(text: str) -> str:
    return RECIPE.rstrip() + f"\n  {text}\n"


def test_a_folders_own_name_changes_nothing(tmp_path: Path) -> None:
    violin = stub(tmp_path, "violin", text=with_source("musdb: {kind: musdb}"))
    found = {}
    for name in ("musdb", "home", "violin_takes", "train"):
        folder = tmp_path / "elsewhere" / name
        write_track(folder / "song", "violin", "organ")
        roots = split_roots([str(folder)])
        found[name] = build_tracks([violin], data_roots=roots)
    assert {track.split for (track,) in found.values()} == {found["home"][0].split}
    assert all(set(track.stems) == {"violin", "organ"} for (track,) in found.values())
    with pytest.raises(DataError, match=r"expected .*\.stem\.mp4"):  # a name that is given does
        build_tracks([violin], (), ["musdb"], {"musdb": tmp_path / "elsewhere" / "home"})


def test_folders_of_one_name_are_both_used(tmp_path: Path) -> None:
    violin = stub(tmp_path, "violin")
    given = [str(tmp_path / place / "tracks") for place in ("a", "b")]
    for folder in given:
        write_track(Path(folder) / f"song {folder[-8]}", "violin", "organ")
    tracks = build_tracks([violin], data_roots=split_roots(given))
    assert [track.name for track in tracks] == ["song a", "song b"]
    with pytest.raises(ConfigError, match="two folders are called 'mine'"):
        split_roots([f"mine={given[0]}", f"mine={given[1]}"])


def test_solo_recordings_are_of_the_instrument_that_is_named(tmp_path: Path) -> None:
    text = with_source("takes: {kind: solos, root: none, licence: MIT}")
    violin, viola = stub(tmp_path, "violin", "fiddle"), stub(tmp_path, "viola", text=text)
    write_track(tmp_path / "violin solos", "take 1")
    for name, owner in (("fiddle", "violin"), ("viola", "viola"), ("takes", "viola")):
        roots = split_roots([f"{name}={tmp_path / 'violin solos'}"])
        (track,) = build_tracks([violin, viola], (), list(roots), roots)
        assert set(track.stems) == {owner}
    with pytest.raises(DataError, match=r"of which instrument .* --data INSTRUMENT="):
        build_tracks([violin, viola], data_roots=split_roots([str(tmp_path / "violin solos")]))


def test_a_published_dataset_is_brought_with_data_and_named_by_all_recipes(tmp_path: Path) -> None:
    stems = {"01": "electric bass", "02": "male singer", "03": "oud"}
    trees.medleydb(tmp_path / "m", "A_One", stems)
    bass = stub(
        tmp_path, "bass", text=with_source("mdb: {kind: medleydb, names: {electric bass: bass}}")
    )
    voice = stub(
        tmp_path, "voice", text=with_source("m2: {kind: medleydb, names: {male singer: voice}}")
    )
    (track,) = build_tracks([bass], [bass, voice], ["mdb"], {"mdb": tmp_path / "m"})
    assert set(track.stems) == {"bass", "voice", "oud"}
    assert track.licence == "CC BY-NC-SA 4.0"


def test_a_published_dataset_without_its_folder_says_how_to_get_it(tmp_path: Path) -> None:
    bass = stub(tmp_path, "bass", text=with_source("musdb: {kind: musdb}"))
    with pytest.raises(DataError, match=r"--data musdb=.*sigsep\.github\.io"):
        build_tracks([bass], (), ["musdb"])


def test_a_folder_that_no_recipe_knows_is_taken_for_what_it_looks_like(tmp_path: Path) -> None:
    trees.musdb18_hq(tmp_path / "hq", "A - B")
    bass = stub(tmp_path, "bass")
    (track,) = build_tracks([bass], data_roots={"mine": tmp_path / "hq"})
    assert (track.sound_source, set(track.stems)) == (
        "MUSDB18",
        {"bass", "drums", "vocals", "other"},
    )


def test_recipes_that_disagree_on_a_label_are_refused(tmp_path: Path) -> None:
    trees.medleydb(tmp_path / "m", "A_One", {"01": "gong"})
    pair = [
        stub(tmp_path, name, text=with_source(f"mdb: {{kind: medleydb, names: {{Gong: {name}}}}}"))
        for name in ("bell", "cymbal")
    ]
    with pytest.raises(DataError, match="'bell' and 'cymbal'"):
        build_tracks(pair, (), ["mdb"], {"mdb": tmp_path / "m"})


def test_a_piece_of_two_datasets_is_on_one_side(tmp_path: Path) -> None:
    trees.medleydb(tmp_path / "m", "ABand_ASong", {"01": "bass"})
    trees.musdb18_hq(tmp_path / "h", "A Band - A Song", side="test")
    bass = stub(tmp_path, "bass")
    tracks = build_tracks([bass], data_roots={"m": tmp_path / "m", "h": tmp_path / "h"})
    assert [track.split for track in tracks] == ["test", "test"]

    def track(piece: str, split: str) -> Track:
        return Track("t", piece, "", "", {}, 1, 1, split)  # type: ignore[arg-type]

    mixed = [track("a", "train"), track("b", "valid"), track("a", "valid"), track("b", "train")]
    assert [t.split for t in on_one_side(mixed)] == ["valid"] * 4
    assert [t.split for t in on_one_side([track("a", "train")])] == ["train"]


def test_a_bad_track_does_not_end_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    violin = stub(tmp_path, "violin")
    for k in range(9):
        write_track(tmp_path / "mine" / f"bad{k}", "violin", "organ")
        (tmp_path / "mine" / f"bad{k}" / "organ.wav").write_bytes(b"nothing")
    write_track(tmp_path / "mine" / "good", "violin", "organ")
    (track,) = build_tracks([violin], data_roots={"mine": tmp_path / "mine"})
    assert track.name == "good"
    assert sum("organ.wav" in record.message for record in caplog.records) == 5
    assert "4 more problems, 9 tracks skipped in all" in caplog.text


LABELS = {
    "medleydb": {
        "electric bass": "bass",
        "double bass": "double_bass",
        "male singer": "vocals",
        "vocalists": "vocals",
        "drum set": "drums",
        "clean electric guitar": "electric_guitar",
        "distorted electric guitar": "electric_guitar",
        "acoustic guitar": "acoustic_guitar",
        "tenor saxophone": "saxophone",
        "flute": "flute",
        "piano": "piano",
        "electric piano": "electric_piano",
        "bass clarinet": "bass_clarinet",
    },
    "moisesdb": {
        "bass guitar": "bass",
        "contrabass/double bass (bass of instrings)": "double_bass",
        "lead female singer": "vocals",
        "snare drum": "drums",
        "full acoustic drumkit": "drums",
        "violin (solo)": "violin",
        "grand piano": "piano",
        "electric piano (rhodes, wurlitzer, piano sound alike)": "electric_piano",
        "acoustic guitar": "acoustic_guitar",
    },
    "slakh": {
        "Electric Bass (pick)": "bass",
        "Acoustic Bass": "double_bass",
        "Synth Bass 1": "synth_bass_1",
        "Drums": "drums",
        "Acoustic Guitar (nylon)": "acoustic_guitar",
        "Electric Guitar (jazz)": "electric_guitar",
        "Distortion Guitar": "electric_guitar",
        "Alto Sax": "saxophone",
        "Bright Acoustic Piano": "piano",
        "Muted Trumpet": "trumpet",
        "Cello": "cello",
    },
}


@pytest.mark.parametrize("kind", LABELS)
def test_bundled_recipes_know_what_datasets_call_their_instruments(
    kind: str, tmp_path: Path, registry: Registry
) -> None:
    labels = LABELS[kind]
    if kind == "medleydb":
        trees.medleydb(tmp_path, "A_One", {f"{k:02d}": x for k, x in enumerate(labels, start=1)})
    elif kind == "moisesdb":
        trees.moisesdb(tmp_path, "u1", {("stem", label): 0.1 for label in labels})
    else:
        trees.slakh(tmp_path, "train", 1, {f"S{k:02d}": x for k, x in enumerate(labels)})
    everyone = registry.instruments()
    (listing,) = list_sources(everyone, everyone, [kind], {kind: tmp_path})
    (track,) = listing.tracks
    assert {name: len(parts) for name, parts in track.raw.stems.items()} == Counter(labels.values())
