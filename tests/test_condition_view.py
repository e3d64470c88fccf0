"""Conditions for the eye, and the one measure of how near two of them are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cli
from timbresep.condition.tone_table import tones_of_model
from timbresep.condition.vector import condition
from timbresep.condition.view import similarities, similarity, similarity_table
from timbresep.registry.registry import Registry

INSTRUMENTS = {item.name: item for item in Registry.load().instruments()}


@pytest.fixture(scope="module")
def halves() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Instrument → conditions of its even and of its odd semitones (without pitch: of soft and of
    loud strokes)."""
    found = {}
    for name, item in INSTRUMENTS.items():
        table = tones_of_model(item.ddsp_file, item.f0_range)
        if table.pitched:
            notes = table.pitches.tolist()
            one, two = (condition(table, [n for n in notes if n % 2 == half]) for half in (0, 1))
        else:
            soft, _, loud = table.levels.tolist()
            one, two = (condition(table.at_level(level)) for level in (soft, loud))
        found[name] = one, two
    return found


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
def test_other_notes_of_an_instrument_are_nearer_than_any_other_instrument(
    halves: dict[str, tuple[np.ndarray, np.ndarray]], name: str
) -> None:
    even, odd = halves[name]
    own = similarity(even, odd)
    for other, pair in halves.items():
        if other != name:
            nearest = max(similarity(one, two) for one in (even, odd) for two in pair)
            assert own > nearest, f"{other} is nearer than other notes of {name}"


def test_similarity_is_a_cosine_weighed_by_the_notes() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.random((2, 4, 41)).astype(np.float32)
    one[:, 40] = two[:, 40] = [0.5, 0.5, 0, 0]
    assert similarity(one.ravel(), one.ravel()) == pytest.approx(1, abs=1e-6)
    before = similarity(one.ravel(), two.ravel())
    assert before == pytest.approx(similarity(two.ravel(), one.ravel()))
    one[2:, :40] = 0.9  # registers without notes do not count
    assert similarity(one.ravel(), two.ravel()) == pytest.approx(before)
    assert similarity(np.zeros(164, np.float32), two.ravel()) == 0
    longer = np.concatenate([two.ravel(), rng.random(17).astype(np.float32)])
    assert similarity(one.ravel(), longer) == pytest.approx(before), "the beginning they share"


def test_the_matrix_is_symmetric_and_names_the_nearest() -> None:
    vectors = {name: item.condition() for name, item in INSTRUMENTS.items()}
    matrix = similarities(vectors)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)
    pitched = [item.f0_range is not None for item in INSTRUMENTS.values()]
    np.testing.assert_allclose(np.diag(matrix)[pitched], 1, atol=1e-6)
    assert [column.header for column in similarity_table(vectors).columns][-1] == "nearest"


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") and path.stat().st_size > 5000


def test_pictures_are_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    matrix, lines = tmp_path / "matrix.png", tmp_path / "lines.png"
    assert cli.main(["condition", "compare", "violin", "flute", "--png", str(matrix)]) == 0
    assert "nearest" in capsys.readouterr().out
    assert cli.main(["condition", "show", "violin,flute", "--png", str(lines)]) == 0
    assert is_png(matrix)
    assert is_png(lines)
    before = matrix.read_bytes()
    assert cli.main(["condition", "compare", "all", "--png", str(matrix)]) == 1
    assert "exists" in capsys.readouterr().err
    assert matrix.read_bytes() == before
    assert cli.main(["condition", "compare", "--png", str(matrix), "--overwrite"]) == 0
    assert matrix.read_bytes() != before
    assert cli.main(["condition", "compare", "--png", str(tmp_path / "a.pdf")]) == 1
    assert "ends in .png" in capsys.readouterr().err


def test_noise_is_drawn_where_there_is_some(tmp_path: Path) -> None:
    from timbresep.condition.picture import draw_harmonics
    from timbresep.condition.view import harmonics_table

    vectors = {name: INSTRUMENTS[name].condition() for name in ("violin", "drums")}
    draw_harmonics(vectors, tmp_path / "noise.png")
    assert is_png(tmp_path / "noise.png")
    shown = [str(cell) for cell in harmonics_table(vectors).columns[1].cells]
    assert shown.count("noise, 16 bands") == 2
    only = {"violin": vectors["violin"][:164]}  # version 1
    assert "noise, 16 bands" not in harmonics_table(only).columns[1].cells
