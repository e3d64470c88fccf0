"""Several workers do many tasks: each once, whoever dies, and nothing stays half done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine_tasks import Doubling
from timbresep.engines.crew import work_off
from timbresep.engines.engine import Engine
from timbresep.errors import TimbresepError

TWO = Engine(workers=2)
Found = Iterable[tuple[Any, Any]]


def run(setup: Doubling, tasks: Mapping[Any, Any], engine: Engine = TWO) -> dict[Any, Any]:
    found: Found = engine.run(setup, tasks, lambda *_: None)
    return dict(found)


def test_each_task_is_done_once_by_a_worker_that_opened_once(tmp_path: Path) -> None:
    assert run(Doubling(tmp_path), {k: k for k in range(20)}) == {k: 2 * k for k in range(20)}
    assert len(list(tmp_path.glob("opened-*"))) == 2


def test_a_task_whose_worker_dies_is_done_by_another(tmp_path: Path) -> None:
    tasks = {"a": 1, "b": "die once", "c": 3, "d": 4}
    assert run(Doubling(tmp_path), tasks) == {"a": 2, "b": 0, "c": 6, "d": 8}
    assert (tmp_path / "died").exists()


def test_a_task_that_kills_everyone_ends_only_itself(tmp_path: Path) -> None:
    found = run(Doubling(tmp_path), {"a": 1, "b": "die", "c": 3, "d": 4})
    assert {key: found[key] for key in "acd"} == {"a": 2, "c": 6, "d": 8}
    assert "b: 2 workers died of it" in str(found["b"])


def test_what_cannot_be_done_is_told_and_ends_nothing(tmp_path: Path) -> None:
    found = run(Doubling(tmp_path), {"a": "refuse", "b": 2, "c": "no file"})
    assert found["b"] == 4
    assert "it cannot be done" in str(found["a"])
    assert str(found["c"]).startswith("c: No such file")


def test_what_no_worker_can_open_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(TimbresepError, match="nothing to open"):
        run(Doubling(tmp_path, "no"), {k: k for k in range(9)})


def test_workers_that_all_die_at_once_end_the_work(tmp_path: Path) -> None:
    with pytest.raises(TimbresepError, match="the workers die before anything is done"):
        run(Doubling(tmp_path, "dies"), {k: k for k in range(100)})


def test_progress_is_told_and_who_is_stopped_leaves_nothing_half_done(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []

    def report(key: str, done: float) -> None:
        told.append((key, done))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(TWO.run(Doubling(tmp_path), {"a": "long", "b": "long"}, report))
    assert told[0][1] == 0.5
    assert not (tmp_path / "half done").exists()


class Narrow:
    """A crew for two with room for one: the second begins when the first has gone."""

    def __init__(self) -> None:
        self.inside: list[Lodger] = []

    def hire(self) -> Lodger:
        self.inside.append(Lodger(self))
        return self.inside[-1]

    def answers(self, busy: Iterable[Lodger]) -> list[tuple[Lodger, Any]]:
        first = self.inside[0]
        assert first in busy, "who has no room waits for ever"
        return [(first, first.task)]


class Lodger:
    def __init__(self, crew: Narrow) -> None:
        self.crew, self.task = crew, None

    def give(self, task: Any) -> None:
        self.task = task

    def stop(self) -> None: ...

    def dismiss(self) -> None:
        self.crew.inside.remove(self)


def test_a_cluster_with_room_for_fewer_does_all_tasks() -> None:
    crew, tasks = Narrow(), {k: k for k in range(5)}
    assert dict(work_off(crew, tasks, 2, lambda *_: None)) == tasks
    assert not crew.inside


def test_one_worker_or_one_task_needs_nobody_else() -> None:
    assert not Engine(workers=8).is_needed(1)
    assert not Engine(workers=1).is_needed(8)
    assert Engine(workers=2).is_needed(2)
    assert Engine("ray").is_needed(1)
