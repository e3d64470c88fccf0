"""A short run of `benchmarks/fuzz.py`: every parser of outside bytes, some mutated files each."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from benchmarks.fuzzing.chance import inputs
from benchmarks.fuzzing.child import Order, Reader, one_input
from benchmarks.fuzzing.confinement import BeyondError, confined
from benchmarks.fuzzing.target import Target
from benchmarks.fuzzing.targets import MAKERS, missing
from timbresep.errors import DataError, TimbresepError

DRAWN, SEARCHED = 12, 8  # inputs of each parser, after its whole files
SLOW = ("audio by ffmpeg",)  # each input starts two programs


def read(target: Target, data: bytes, scratch: Path) -> bool:
    """Whether an input is accepted; an error that is not ours is raised."""
    try:
        with confined(scratch):
            target.check(data)
    except TimbresepError:
        return False
    return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MAKERS)
def test_mutated_files_are_read_or_refused_and_whole_ones_are_read(
    name: str, tmp_path: Path
) -> None:
    if missing(name):
        pytest.skip("needs ffmpeg")
    target = MAKERS[name](tmp_path)
    whole, more = len(target.seeds), 2 if name in SLOW else DRAWN
    for number in range(whole + more):
        data = one_input(target, name, 0, number)
        try:
            accepted = read(target, data, tmp_path)
        except BaseException as error:
            error.add_note(f"python benchmarks/fuzz.py --target '{name}' --only {number}")
            raise
        assert accepted or number >= whole, "a whole file is refused"
    if name in SLOW:
        return

    @hypothesis.settings(
        max_examples=SEARCHED,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(inputs(target.seeds, target.mutate))
    def every(data: bytes) -> None:
        read(target, data, tmp_path)

    every()


def refuse(data: bytes) -> None:
    raise DataError("no")


def fail(data: bytes) -> None:
    raise KeyError("x")


def escape(data: bytes) -> None:
    Path(__file__).with_name("written").write_bytes(data)


def ask(data: bytes) -> None:
    socket.create_connection(("127.0.0.1", 9))


class Pipe:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def send(self, message: Any) -> None:
        self.told.append(message)


@pytest.mark.parametrize(
    ("check", "outcome", "cause"),
    [
        (len, "accepted", ""),
        (refuse, "refused", ""),
        (fail, "internal", "KeyError: 'x' (test_fuzz.py"),
        (escape, "internal", "BeyondError: open of"),
        (ask, "internal", "BeyondError: socket."),
    ],
)
def test_what_a_parser_may_not_do_is_found(
    check: Callable[[bytes], Any], outcome: str, cause: str, tmp_path: Path
) -> None:
    pipe, target = Pipe(), Target([b"whole"], lambda data, _: data, check)
    order = Order("x", keep=tmp_path / "kept")
    Reader(target, order, pipe, tmp_path).read(b"mutated")  # type: ignore[arg-type]
    assert pipe.told[1][:2] == (outcome, 0), pipe.told
    assert pipe.told[1][2].startswith(cause)
    assert [path.read_bytes() for path in tmp_path.glob("kept/*")] == [b"mutated"] * bool(cause)
    assert not Path(__file__).with_name("written").exists()


def test_a_whole_file_that_is_refused_is_a_fault(tmp_path: Path) -> None:
    pipe, target = Pipe(), Target([b"whole"], lambda data, _: data, refuse)
    Reader(target, Order("x"), pipe, tmp_path).read(b"whole")  # type: ignore[arg-type]
    assert pipe.told[1][0] == "internal"


def test_who_may_write_where_is_only_watched_inside(tmp_path: Path) -> None:
    inside, beside = tmp_path / "inside", tmp_path / "beside"
    inside.mkdir()
    with confined(inside):
        (inside / "a").write_text("x")
        (inside / "a").rename(inside / "b")
        for way in (beside.mkdir, beside.touch, lambda: (inside / "b").rename(beside)):
            with pytest.raises(BeyondError):
                way()
        (inside / "link").symlink_to(tmp_path)
        with pytest.raises(BeyondError):
            (inside / "link" / "c").write_text("x")
    beside.write_text("x")
