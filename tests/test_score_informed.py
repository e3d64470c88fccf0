"""The benchmark of scores: its tables, its spectra, and runs that go on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import score_informed as benchmark
import score_speed
from fakes import PLAIN, GainBackbone, loaded
from score_informed import Case, Score
from timbresep.data.track import Track
from timbresep.errors import ConfigError
from timbresep.notes.score import Note, StemNotes
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator

NOTES = (Note(0.0, 0.5, 60),)


def row(method: str, stem: str, gain: float, where: str = "one") -> Score:
    return Score(where, "track", stem, stem.rpartition("_")[0] or stem, method, gain, gain / 2, 1.0)


def test_tables_have_means_by_set_and_by_instrument() -> None:
    scores = [row("a", "reed_1", 10), row("a", "reed_2", 6), row("a", "harp", 2, "two")]
    scores += [row("b", "reed_1", 1)]
    first, second = benchmark.tables(scores, ["a", "b"]).split("\n\n")
    assert first.splitlines() == [
        "| method | one (2 stems) | two (1 stems) |",
        "| --- | --- | --- |",
        "| a | 8.0 (4.0) | 2.0 (1.0) |",
        "| b | 1.0 (0.5) | – |",
    ]
    assert second.splitlines()[0] == "| method | harp | reed |"
    assert second.splitlines()[2] == "| a | 2.0 (1.0) | 8.0 (4.0) |"


def test_a_page_is_written_between_its_markers_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{benchmark.BEGIN}\nold\n{benchmark.END}\nafter\n")
    benchmark.put(page, "new", (benchmark.BEGIN, benchmark.END))
    assert page.read_text() == f"before\n{benchmark.BEGIN}\nnew\n{benchmark.END}\nafter\n"
    page.write_text("nothing")
    with pytest.raises(ConfigError, match="no markers"):
        benchmark.put(page, "new", (benchmark.BEGIN, benchmark.END))
    assert page.read_text() == "nothing"


def test_swapped_voices_are_each_anothers() -> None:
    known = {
        i.name: i.condition() for i in Registry.load().instruments(["violin", "flute", "cello"])
    }
    dim = len(next(iter(known.values())))
    separator = Separator(loaded(GainBackbone(dim), **dict.fromkeys(known, 0.5)), options=PLAIN)
    separator._conditions = known
    stems = [StemNotes(f"{name}_1", name, NOTES) for name in ("violin", "flute", "violin", "cello")]
    track = Track("t", "t", "", "", {}, 100, 8000, "test")
    case = Case(track, np.zeros((1, 100), np.float32), {}, stems, separator)
    own, others = benchmark.own(case), benchmark.swapped(case)
    assert list(own) == list(others) == ["violin", "flute", "cello"]
    assert (others["violin"].registers == own["flute"].registers).all()
    assert (others["cello"].registers == own["violin"].registers).all()
    assert not any((others[name].registers == own[name].registers).all() for name in own)


def test_every_kind_of_spectra_is_tried_with_and_without_a_network() -> None:
    for name in ("1/k", "mean of all voices", "swapped voices", "own voices"):
        assert f"notes alone: {name}" in benchmark.METHODS
        assert f"notes and network: {name}" in benchmark.METHODS


def test_long_music_is_made_of_a_track_and_its_notes_again_and_again() -> None:
    wave = np.arange(100_000, dtype=np.float32).reshape(2, -1)
    made = np.concatenate(list(score_speed.blocks(wave, 120_000)), axis=1)
    assert made.shape == (2, 120_000)
    assert (made[:, 50_000:100_000] == wave).all()
    (stem,) = score_speed.repeated([StemNotes("a", "a", NOTES)], 2.0, 3)
    assert [note.start for note in stem.notes] == [0.0, 2.0, 4.0]


def test_a_method_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["score_informed.py", str(tmp_path), "--methods", "magic"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit):
        benchmark.main()
    assert "magic" in capsys.readouterr().err
