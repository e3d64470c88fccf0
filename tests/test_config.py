"""Configuration errors point at the key and suggest the nearest; writes are atomic."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from core import config
from core.config import Model, atomic_write, atomic_writes, load_yaml
from core.errors import ConfigError, OutputError, OutputExistsError


class Inner(Model):
    hop: int
    width: int = 3


class Outer(Model):
    stft: Inner
    many: dict[str, Inner] = {}


def write(folder: Path, text: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(text)
    return path


def test_valid_file_is_read(tmp_path: Path) -> None:
    assert load_yaml(write(tmp_path, "stft: {hop: 4}"), Outer).stft == Inner(hop=4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stft: {hop: 4, widht: 2}", "unknown key 'stft.widht' — did you mean 'width'?"),
        ("many: {a: {hpo: 4}}\nstft: {hop: 1}", "unknown key 'many.a.hpo' — did you mean 'hop'?"),
        ("sfft: {hop: 4}\nstft: {hop: 1}", "unknown key 'sfft' — did you mean 'stft'?"),
        ("stft: {hop: four}", "'stft.hop'"),
        ("stft:\n  hop: 4\n  hop: 5", "some.yaml:3: not valid YAML: key 'hop' is there twice"),
        ("stft: {}", "'stft.hop': field required"),
        ("- a\n- b", "expected a mapping"),
        ("stft: [1", "some.yaml:2: not valid YAML"),
        ("!!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_errors_say_where(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=r"some\.yaml") as caught:
        load_yaml(write(tmp_path, text + "\n"), Outer)
    assert expected in str(caught.value)


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*absent\.yaml"):
        load_yaml(tmp_path / "absent.yaml", Outer)


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with atomic_write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"

    def write() -> None:
        with atomic_write(path, replace=False) as temporary:
            temporary.write_text("new")
            path.write_text("another's")

    with pytest.raises(OutputExistsError, match=r"kept\.txt is there"):
        write()
    assert path.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [path]


def test_several_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt")]

    def write(meanwhile: str) -> None:
        with atomic_writes(paths, replace=False) as temporaries:
            for temporary in temporaries:
                temporary.write_text("new")
            if meanwhile:
                (tmp_path / meanwhile).write_text("another's")

    with pytest.raises(OutputExistsError, match=r"b\.txt is there"):
        write("b.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]
    (tmp_path / "b.txt").unlink()
    write("")
    assert [path.read_text() for path in paths] == ["new"] * 3
    assert sorted(tmp_path.iterdir()) == paths


def test_a_file_system_without_links_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(config.os, "link", refuse)
    path = tmp_path / "new.txt"
    with atomic_write(path, replace=False) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    with pytest.raises(OutputExistsError), atomic_write(path, replace=False) as temporary:
        temporary.write_text("newer")
    assert path.read_text() == "new"


def test_a_disk_that_refuses_is_one_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"cannot write .*deep\.txt: File exists"),
        atomic_write(tmp_path / "file" / "deep.txt"),
    ):
        pass
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(OutputError, match=r"cannot write .*some\.txt: No space left"),
        atomic_write(tmp_path / "some.txt"),
    ):
        raise full
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_name_as_long_as_can_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".txt")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
