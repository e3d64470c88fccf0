"""Writes are atomic, what dead writers left is swept, and a folder has one run at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from timbresep import files
from timbresep.errors import OutputError, OutputExistsError
from timbresep.files import (
    atomic_write,
    atomic_writes,
    claim,
    sha256_of,
    sweep,
    write_bytes,
    write_json,
)


@contextmanager
def elsewhere(code: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs `code` in a folder until it says so; killed in the end."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            IMPORTS + code,
        ],
        stdout=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "core")},
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


IMPORTS = "import time; from pathlib import Path; from timbresep.files import *\n"
WRITING = """
with atomic_write(Path("some.txt")) as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""
CLAIMING = """
with claim(Path("run")):
    print("ready", flush=True)
    time.sleep(60)
"""


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

    monkeypatch.setattr(files.os, "link", refuse)
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


def test_a_living_writers_file_stays_and_a_dead_ones_is_swept(tmp_path: Path) -> None:
    with elsewhere(WRITING, tmp_path):
        (temporary,) = tmp_path.iterdir()
        sweep(tmp_path)
        assert temporary.read_text() == "half"
        with atomic_write(tmp_path / "some.txt") as mine:
            mine.write_text("whole")
        assert sorted(tmp_path.iterdir()) == [temporary, tmp_path / "some.txt"]
    left = temporary.read_bytes()
    (tmp_path / temporary.name.replace("some", "so\nme")).write_bytes(left)
    sweep(tmp_path)  # it was killed meanwhile
    assert list(tmp_path.iterdir()) == [tmp_path / "some.txt"]


def test_the_next_write_sweeps_and_leaves_everything_else(tmp_path: Path) -> None:
    with elsewhere(WRITING, tmp_path):
        (temporary,) = tmp_path.iterdir()
    others = [tmp_path / name for name in (".hidden", ".some-abcdefgh.txt", f"x{temporary.name}")]
    for path in others:
        path.write_text("precious")
    with atomic_write(tmp_path / "other.wav"):
        pass
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "other.wav"])


def test_folders_that_held_nothing_else_are_swept_away(tmp_path: Path) -> None:
    for name in ("dead", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f".some-{files._HOST}-abcdefgh.part.wav").touch()
    (tmp_path / "kept" / "some.wav").touch()
    (tmp_path / "empty").mkdir()
    sweep(tmp_path)
    assert len(list(tmp_path.glob("*/*"))) == 3
    sweep(tmp_path, below=True)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert found == ["empty", "kept", "kept/some.wav"]


def test_another_machines_file_is_left_until_it_is_old(tmp_path: Path) -> None:
    path = tmp_path / ".some-0123abcd-abcdefgh.part.txt"
    path.write_text("half")
    sweep(tmp_path)
    assert path.exists()
    before = time.time() - 3 * 24 * 3600
    os.utime(path, (before, before))
    sweep(tmp_path)
    assert not path.exists()


def test_a_file_system_without_locks_only_loses_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "lock_file", lambda _: None)
    path = tmp_path / f".some-{files._HOST}-abcdefgh.part.txt"
    path.write_text("half")
    with atomic_write(tmp_path / "some.txt"):
        pass
    assert path.exists()
    with claim(tmp_path):
        pass
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "some.txt"]


def test_a_temporary_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, taken = files.lock_file, []

    def late(handle: int) -> bool | None:
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()  # by another process, which locked it first
        return lock(handle)

    monkeypatch.setattr(files, "lock_file", late)
    with atomic_write(tmp_path / "some.txt") as temporary:
        assert temporary not in taken
        temporary.write_text("new")
    assert (tmp_path / "some.txt").read_text() == "new"


def test_two_runs_never_have_one_folder(tmp_path: Path) -> None:
    with elsewhere(CLAIMING, tmp_path) as other:
        refused = rf"run is at work in another run \(process {other.pid} on "
        with pytest.raises(OutputError, match=refused), claim(tmp_path / "run"):
            pass
    assert (tmp_path / "run" / ".lock").exists(), "it was killed, and that is no obstacle:"
    with claim(tmp_path / "run"), pytest.raises(OutputError), claim(tmp_path / "run"):
        pass
    assert list((tmp_path / "run").iterdir()) == []


def test_a_claim_does_not_outlive_its_process_in_its_children(tmp_path: Path) -> None:
    code = CLAIMING.replace(
        "    print", "    import os\n    os.fork() or (time.sleep(20), os._exit(0))\n    print"
    )
    with elsewhere(code, tmp_path):
        pass
    until = time.monotonic() + 15  # while the child still sleeps; it may not have begun to run
    while time.monotonic() < until:
        with contextlib.suppress(OutputError), claim(tmp_path / "run"):
            return
        time.sleep(0.05)
    with claim(tmp_path / "run"):
        pass


def test_a_folder_made_for_nothing_goes_again(tmp_path: Path) -> None:
    with claim(tmp_path / "runs" / "one"):
        pass
    assert list(tmp_path.iterdir()) == []
    with claim(tmp_path / "runs" / "one"):
        (tmp_path / "runs" / "one" / "kept").touch()
    assert [path.name for path in (tmp_path / "runs" / "one").iterdir()] == ["kept"]


def test_a_claim_removes_hidden_files_that_only_a_run_writes(tmp_path: Path) -> None:
    for name in (".last-abc.safetensors", ".resume-x-y.safetensors", ".mine.safetensors"):
        (tmp_path / name).touch()
    with claim(tmp_path, ["last.safetensors", "resume.safetensors"]):
        names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".lock", ".mine.safetensors"]


def test_errors_about_other_files_and_pipes_are_not_the_disks(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "some.txt"):
        (tmp_path / "deeper" / "input.wav").read_bytes()
    with pytest.raises(BrokenPipeError), atomic_write(tmp_path / "some.txt"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert list(tmp_path.iterdir()) == []


def test_json_and_hashes(tmp_path: Path) -> None:
    write_json(tmp_path / "one.json", {"a": [1, 2]})
    assert (tmp_path / "one.json").read_text() == '{\n  "a": [\n    1,\n    2\n  ]\n}\n'
    with pytest.raises(OutputExistsError):
        write_json(tmp_path / "one.json", {}, replace=False)
    (tmp_path / "two").write_bytes(b"bc")
    (tmp_path / "three").write_bytes(b"a")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of abc, FIPS 180
    assert sha256_of(tmp_path / "three", tmp_path / "two") == digest
    with pytest.raises(FileNotFoundError):
        sha256_of(tmp_path / "four")


def test_a_disk_that_cannot_keep_what_it_took_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")

    def unplugged(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", unplugged)
    with pytest.raises(OutputError, match=r"cannot write .*weights\.bin: Input/output error"):
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["weights.bin"]
