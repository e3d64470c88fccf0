"""A Ray cluster does what processes do, to the bit; a task whose actor is killed is done again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_tasks import VIOLIN, Doubling, separated, two_songs
from timbresep.engines.engine import Engine
from timbresep.errors import TimbresepError
from timbresep.separation.batch_setup import Many

ray = pytest.importorskip("ray")
CLUSTER = Engine("ray", workers=2)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Its processes find the tasks beside this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        yield
        ray.shutdown()


def test_each_task_is_done_once_by_an_actor_that_opened_once(tmp_path: Path) -> None:
    tasks = {k: k for k in range(20)}
    assert dict(CLUSTER.run(Doubling(tmp_path), tasks, _quiet)) == {k: 2 * k for k in range(20)}
    assert len(list(tmp_path.glob("opened-*"))) == 2


def test_a_task_whose_actor_is_killed_is_done_by_another(tmp_path: Path) -> None:
    tasks = {"a": 1, "b": "die once", "c": 3, "d": "refuse"}
    found = dict(CLUSTER.run(Doubling(tmp_path), tasks, _quiet))
    assert {key: found[key] for key in "abc"} == {"a": 2, "b": 0, "c": 6}
    assert "it cannot be done" in str(found["d"])
    assert (tmp_path / "died").exists()


def test_a_task_that_kills_everyone_ends_only_itself(tmp_path: Path) -> None:
    found = dict(CLUSTER.run(Doubling(tmp_path), {"a": 1, "b": "die", "c": 3}, _quiet))
    assert (found["a"], found["c"]) == (2, 6)
    assert "workers died of it" in str(found["b"])


def test_what_no_actor_can_open_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(TimbresepError, match="nothing to open"):
        dict(CLUSTER.run(Doubling(tmp_path, "no"), {"a": 1, "b": 2}, _quiet))


def test_stems_are_those_of_processes_to_the_bit(tmp_path: Path) -> None:
    songs = two_songs(tmp_path)
    here = separated(songs, tmp_path / "here", Many(Engine(workers=2), VIOLIN))
    assert here == separated(songs, tmp_path / "ray", Many(CLUSTER, VIOLIN))
    assert len(here) == 2


def _quiet(key: object, done: float) -> None:
    """Nobody asks for the progress."""
