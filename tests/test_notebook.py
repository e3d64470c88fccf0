"""The notebook runs from its first cell to its last, and what it makes is sound."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "core"))  # of the kernel
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "data").symlink_to(ROOT / "data")
    (tmp_path / "examples").mkdir()
    book = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(tmp_path / "examples")}}
    nbclient.NotebookClient(book, timeout=240, kernel_name="python3", resources=place).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    shown = [output["data"] for output in outputs if "data" in output]
    players = [data["text/html"] for data in shown if "<audio" in data.get("text/html", "")]
    assert len(players) == 4  # the mixture, two stems, and the flute of the own plugin
    for player in players:
        sound = re.search(r"data:audio/wav;base64,([^\"]+)", player)
        assert sound is not None
        assert base64.b64decode(sound[1])[:4] == b"RIFF"
    assert any(len(data.get("image/png", "")) > 20_000 for data in shown)
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    gains = [float(gain) for gain in re.findall(r": ([+-][\d.]+) dB", printed)]
    assert len(gains) == 2
    assert min(gains) > 5
