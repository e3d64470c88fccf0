"""`--json`: one JSON text on stdout with the keys that the reference names, and nothing beside."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cli
import dataset_trees as trees
from fakes import RATE, plugin, saved
from score_files import musicxml, note
from timbresep import audio
from timbresep.commands.as_json import as_json

DIM = 164  # length of conditions of version 1


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A separator of two instruments, tracks and a dataset."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    saved(Path("model.safetensors"), DIM, violin=0.5, flute=0.25)
    rng = np.random.default_rng(0)
    Path("tracks/one").mkdir(parents=True)
    for name in ("violin", "flute"):
        wave = 0.1 * rng.standard_normal((1, RATE)).astype(np.float32)
        audio.write(f"tracks/one/{name}.wav", wave, RATE)
    Path("tracks/half").mkdir()
    Path("tracks/half/violin.wav").write_bytes(b"RIFF")
    trees.musdb18_hq(Path("hq"), "A - One")
    Path("some.musicxml").write_text(musicxml({"Violin": [note("C5")], "Kazoo": [note("A4")]}))


def documented(root: Path, command: str) -> str:
    """What the reference says that a command prints."""
    page = (root / "docs/reference/commands.md").read_text(encoding="utf-8")
    return next(line for line in page.splitlines() if line.startswith(f"| `{command}` |"))


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    cli.main([*words, "--json"])
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


COMMANDS = {
    "list": [],
    "models": [],
    "condition show": ["violin", "flute"],
    "condition compare": ["violin", "flute"],
    "score show": ["some.musicxml"],
    "data check": ["musdb=hq", "-p", "bass,flute", "--source", "musdb"],
    "ablate": ["model.safetensors", "tracks", "-o", "ablated"],
    "evaluate": ["tracks", "--checkpoint", "model.safetensors", "-o", "scores"],
    "listen": ["tracks/one/violin.wav", "--checkpoint", "model.safetensors"],
}


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_printed_has_the_keys_that_the_reference_names(
    command: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = printed(capsys, *command.split(), *COMMANDS[command])
    row = found[0] if isinstance(found, list) else found
    named = set(re.findall(r"`(\w+)`", documented(root, command)))
    assert set(row) <= named | (set(row) if command == "evaluate" else set())
    within = {key for value in inner(row) for key in value}
    optional = {"intervals", "sounding_s", "notes"} if command in ("evaluate", "listen") else set()
    first, rest = documented(root, command).split(" | ")[0], named - optional
    assert rest - set(re.findall(r"\w+", first)) <= set(row) | within


def inner(value: object) -> Iterator[dict[str, Any]]:
    """Every dictionary in a value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from inner(each)


@pytest.mark.usefixtures("given")
def test_numbers_are_those_of_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    alike = printed(capsys, "condition", "compare", "violin", "flute")["similarities"]
    assert alike["violin"]["violin"] == pytest.approx(1)
    assert alike["violin"]["flute"] == alike["flute"]["violin"] < 1
    ablated = printed(capsys, "ablate", "model.safetensors", "tracks")
    assert ablated["skipped"] == ["half"]
    assert ablated["mean"]["oracle"] is not None
    data = printed(capsys, "data", "check", "musdb=hq", "-p", "bass,flute", "--source", "musdb")
    (source,) = data["sources"]
    assert sum(source["tracks"].values()) == 1
    assert source["minutes"] > 0
    assert source["pending"] is None
    assert data["instruments"]["flute"]["minutes"] == {"train": 0.0, "valid": 0.0, "test": 0.0}
    assert any("nothing to train on" in line for line in data["remarks"])


@pytest.mark.usefixtures("given")
def test_what_people_read_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["condition", "show", "violin", "--png", "a.png", "--json"]) == 0
    said = capsys.readouterr()
    assert set(json.loads(said.out)) == {"conditions", "similarities"}
    assert "wrote a.png" in said.err
    assert cli.main(["condition", "show", "violin", "--png", "b.png"]) == 0
    assert "wrote b.png" in capsys.readouterr().out, "only where JSON is asked for"


@dataclass(frozen=True)
class Made:
    """Of everything that results hold."""

    path: Path
    numbers: tuple[float, ...]
    names: frozenset[str]


def test_everything_becomes_json() -> None:
    made = Made(Path("a/b"), (1.5, math.nan, math.inf), frozenset("ba"))
    assert as_json(made) == {"path": "a/b", "numbers": [1.5, None, None], "names": ["a", "b"]}
    assert as_json({1: np.float32([0.5]), "n": np.int64(3)}) == {"1": [0.5], "n": 3}
    with pytest.raises(TypeError, match="no JSON of object"):
        as_json(object())
