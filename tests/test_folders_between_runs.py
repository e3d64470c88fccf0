"""Folders that several runs share: one removes them while they are empty, another makes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from timbresep import files
from timbresep.errors import OutputError
from timbresep.files import atomic_write, claim


def after_a_removal(make: Callable[..., object], folder: Path) -> Callable[..., object]:
    """A function before whose first call another run removes an empty folder, and those above."""
    left = [folder, folder.parent]

    def made(*given: object) -> object:
        while left:
            left.pop(0).rmdir()
        return make(*given)

    return made


def test_a_folder_that_another_run_removes_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out" / "song"
    monkeypatch.setattr(files, "open_locked", after_a_removal(files.open_locked, folder))
    with claim(folder):
        assert folder.is_dir()
        with pytest.raises(OutputError, match="another run"), claim(folder):
            pass


def test_a_file_is_written_into_a_folder_that_another_run_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out" / "song" / "some.txt"
    make = after_a_removal(files.tempfile.mkstemp, path.parent)
    monkeypatch.setattr(files.tempfile, "mkstemp", make)
    with atomic_write(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"


def test_a_folder_that_can_never_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(OutputError, match="cannot write"), claim(Path("run")):
        pass


def test_a_claim_writes_into_no_file_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match="run"), claim(tmp_path / "run"):
        pass
    assert (tmp_path / "precious").read_text() == "precious"
