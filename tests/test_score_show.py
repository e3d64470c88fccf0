"""`score show`: the parts of a score, who plays them, and one clear line for what is no score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cli
from score_files import change, drum, musicxml, named, note, off, on, write_midi

OCTET = {
    "Violin I": [note("C5")],
    "Violin II": [note("A4")],
    "Oboe": [note("G4")],
    "Flute": [note("C3")],
    "Kit": [drum("C", 5, 4)],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("some.musicxml").write_text(musicxml(OCTET))
    write_midi(Path("some.mid"), [named("Lead"), change(40), on(60), off(60, 480)])
    Path("empty.mid").write_bytes(b"")
    Path("noise.xml").write_bytes(b"\xff\x00noise")
    Path("take.wav").write_bytes(b"RIFF")


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert cli.main(["score", "show", *arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_parts_are_shown_with_what_they_are_taken_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["score", "show", "some.musicxml"]) == 0
    said = capsys.readouterr()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines()]
    rows = [row for row in rows if row]
    assert rows[0] == ["1", "Violin I", "1", "C5 – C5", "", "0:00 – 0:02", "violin_1", "name"]
    assert [row[6] for row in rows] == ["violin_1", "violin_2", "oboe", "flute", "drums"]
    assert rows[2][7] == "no plugin fits"
    assert rows[4][3] == ""  # no range without pitch
    assert "note: it says no tempo" in said.err
    assert "note: part 4: 1 of 1 notes lie outside the range of flute" in said.err


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    about = shown(capsys, "some.mid")
    assert about["duration"] == 0.5
    [part] = about["parts"]  # type: ignore[misc]
    assert (part["stem"], part["reason"], part["program"]) == ("violin", "program", 40)
    assert part["range"] == [60, 60]
    assert part["seconds"] == [0, 0.5]


def test_parts_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    about = shown(capsys, "some.musicxml", "--part", "vocals=1,2", "--part", "clarinet=3")
    stems = [part["stem"] for part in about["parts"]]  # type: ignore[attr-defined]
    assert stems[:3] == ["vocals_1", "vocals_2", "clarinet"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["none.mid"], "none.mid cannot be read as a score: No such file"),
        (["empty.mid"], "empty.mid cannot be read as a score: the file is empty"),
        (["noise.xml"], "noise.xml cannot be read as a score: no text"),
        (["take.wav"], "take.wav is no score that can be read — known: .mid"),
        (["some.mid", "--part", "vocals=2"], "the score has no part 2"),
        (["some.mid", "--part", "vocals"], "no INSTRUMENT=NUMBER"),
        (["some.mid", "--part", "hurdy=1"], "no instrument named 'hurdy'"),
        (["some.musicxml", "--part", "vocals=1", "--part", "piano=1"], "already chosen for vocals"),
        (["some.mid", "--part", "vocals=1,1"], "already chosen for vocals"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["score", "show", *arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert reason in said.err
    assert len(said.err.splitlines()) == 1
