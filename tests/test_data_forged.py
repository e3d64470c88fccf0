"""Datasets whose metadata somebody has altered: the track is told and skipped, the rest goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml

import dataset_trees as trees
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.kinds import KINDS
from timbresep.data.sources.listing import Listing, list_tracks
from timbresep.data.sources.naming import Naming
from timbresep.data.sources.prepared import ready


def look(kind: str, root: Path) -> Listing:
    return list_tracks(kind, KINDS[kind], Location(root, Naming({"violin": "violin"}), "terms"))


def forged_medleydb(root: Path, **changes: object) -> None:
    trees.medleydb(root, "A_One", {"01": "violin"})
    path = root / "Audio/A_One/A_One_METADATA.yaml"
    about = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        target = about["stems"]["S01"] if key in ("filename", "instrument") else about
        target[key] = value
    about = {key: value for key, value in about.items() if value is not None}
    path.write_text(yaml.safe_dump(about))


def forged_moisesdb(root: Path, text: str = "", **changes: object) -> None:
    trees.moisesdb(root, "u0", {("bass", "bass guitar"): 1.0})
    path = root / "moisesdb_v0.1/u0/data.json"
    data = json.loads(path.read_text())
    for key, value in changes.items():
        target = data["stems"][0]
        target = target["tracks"][0] if key in ("id", "extension") else target
        target = data if key in ("stems", "song", "artist") else target
        target[key] = value
    path.write_text(text or json.dumps(data))


def forged_slakh(root: Path, **changes: object) -> None:
    trees.slakh(root, "train", 0, {"S00": "Violin"})
    path = root / "train/Track00000/metadata.yaml"
    about = {**yaml.safe_load(path.read_text()), **changes}
    path.write_text(yaml.safe_dump({key: about[key] for key in about if about[key] is not None}))


BEFORE_AND_AFTER = {
    "medleydb": lambda root: trees.medleydb(root, "B_Two", {"01": "violin"}),
    "moisesdb": lambda root: trees.moisesdb(root, "u1", {("bass", "bass guitar"): 1.0}),
    "slakh": lambda root: trees.slakh(root, "train", 1, {"S00": "Violin"}),
}
FORGED = [
    ("medleydb", partial(forged_medleydb, stem_dir=None)),
    ("medleydb", partial(forged_medleydb, stems=None)),
    ("medleydb", partial(forged_medleydb, stems={})),
    ("medleydb", partial(forged_medleydb, stems={"S01": 3})),
    ("medleydb", partial(forged_medleydb, stem_dir="../B_Two/B_Two_STEMS")),
    ("medleydb", partial(forged_medleydb, filename="/etc/passwd")),
    ("medleydb", partial(forged_medleydb, filename="../../B_Two/B_Two_MIX.wav")),
    ("medleydb", partial(forged_medleydb, filename="x" * 400)),
    ("medleydb", partial(forged_medleydb, filename="a\0b")),
    ("medleydb", partial(forged_medleydb, mix_filename="../../../mix.wav")),
    ("medleydb", partial(forged_medleydb, instrument=["violin", 3])),
    ("moisesdb", partial(forged_moisesdb, text="[" * 100_000)),
    ("moisesdb", partial(forged_moisesdb, text="[]")),
    ("moisesdb", partial(forged_moisesdb, stems=[])),
    ("moisesdb", partial(forged_moisesdb, stems=[{"tracks": []}])),
    ("moisesdb", partial(forged_moisesdb, stemName="/etc")),
    ("moisesdb", partial(forged_moisesdb, stemName="../u1/bass")),
    ("moisesdb", partial(forged_moisesdb, id="../../u1/bass/id-0")),
    ("moisesdb", partial(forged_moisesdb, id="x" * 400)),
    ("moisesdb", partial(forged_moisesdb, extension="\ud800")),
    ("slakh", partial(forged_slakh, UUID=None)),
    ("slakh", partial(forged_slakh, stems={})),
    ("slakh", partial(forged_slakh, stems={"../../Track00001/stems/S00": {}})),
    ("slakh", partial(forged_slakh, stems={"/etc/passwd": {}})),
    ("slakh", partial(forged_slakh, stems={"x" * 400: {}})),
]


@pytest.mark.parametrize(("kind", "forge"), FORGED)
def test_metadata_that_lead_elsewhere_or_lack_keys_are_a_problem_of_their_track(
    tmp_path: Path, kind: str, forge: Callable[[Path], None]
) -> None:
    BEFORE_AND_AFTER[kind](tmp_path)
    forge(tmp_path)
    listing = look(kind, tmp_path)
    assert len(listing.tracks) == 1, "the other track is found"
    assert listing.skipped == 1


def test_a_slakh_folder_with_an_odd_number_is_no_fault(tmp_path: Path) -> None:
    trees.slakh(tmp_path, "data", 1, {"S00": "Violin"})
    (tmp_path / "data/Track00001").rename(tmp_path / "data/Track²")
    assert len(look("slakh", tmp_path).tracks) == 1


@pytest.mark.parametrize("name", ["..", "...", "a/../../b", "x" * 400, "語" * 200, ""])
def test_what_is_prepared_stays_in_the_cache_whatever_a_track_is_called(
    tmp_path: Path, name: str
) -> None:
    trees.moisesdb(tmp_path / "set", "u1", {("bass", "bass guitar"): 1.0, ("bass", "b"): 0.5})
    (track,) = look("moisesdb", tmp_path / "set").tracks
    parts = tuple(part for stem in track.raw.stems.values() for part in stem)
    odd = replace(track, raw=replace(track.raw, name=name, stems={name: parts}))
    made = ready(odd, tmp_path / "cache")
    for path in made.stems.values():
        assert path.resolve().is_relative_to(tmp_path / "cache")
        assert len(path.relative_to(tmp_path / "cache").parts) == 2


def test_a_track_that_may_not_be_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("open", "shut"):
        trees.write(tmp_path / name / "violin.wav", trees.tone(440.0))
    iterdir, access = Path.iterdir, os.access

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "shut" and access(path, mode))
    listing = look("stems", tmp_path)
    assert [track.raw.name for track in listing.tracks] == ["open"]
    assert "may not be read" in listing.problems[0].text
