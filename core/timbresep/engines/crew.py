"""Many tasks for several workers: none is lost when a worker dies, and none holds up the others.

A crew hires workers, which are processes or actors of a cluster. Each opens its tool once, and has
one task at a time: however many tasks there are, as many are under way as there are workers.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from timbresep.errors import TimbresepError

log = logging.getLogger(__name__)

Key = TypeVar("Key")
Task = TypeVar("Task", contravariant=True)
Row = TypeVar("Row", covariant=True)

TRIES = 2
"""How many workers a task is given to: one that two died of would kill a third."""


class Tool(Protocol[Task, Row]):
    """Does tasks, one after the other."""

    def do(self, task: Task, report: Callable[[float], None]) -> Row:
        """What comes of a task.

        Args:
            task: it.
            report: called with how much of it is done.

        Raises:
            TimbresepError: it cannot be done; the next one can.
        """
        ...


class Setup(Protocol[Task, Row]):
    """Settings from which each worker opens its own tool. It goes to other processes."""

    def open(self) -> Tool[Task, Row]:
        """Load what the tasks need.

        Raises:
            TimbresepError: that is not possible, for any task.
        """
        ...


@dataclass(frozen=True)
class Share:
    """So much of a worker's task is done."""

    done: float


@dataclass(frozen=True)
class Refused:
    """A task cannot be done; or, if nothing was opened, none can."""

    error: TimbresepError
    opened: bool = True


@dataclass(frozen=True)
class NoFile:
    """The system does not give a file that a task needs; and why."""

    reason: str


@dataclass(frozen=True)
class Died:
    """A worker has ended in the middle of its task; what is known of it, if anything."""

    of: str = ""


class Worker(Protocol):
    """Has one task at a time."""

    def give(self, task: Any) -> None:
        """Let it begin a task."""
        ...

    def stop(self) -> None:
        """Let it end; do not wait for that."""
        ...

    def dismiss(self) -> None:
        """End it. If it is at work, it leaves nothing half done behind."""
        ...


class Crew(Protocol):
    """Hires workers, and hears from them."""

    def hire(self) -> Worker:
        """A new worker, who opens its tool."""
        ...

    def answers(self, busy: Iterable[Worker]) -> Iterable[tuple[Worker, Any]]:
        """Wait until workers have something to say: one of the classes above, or a result."""
        ...


def attempt(tool: Tool[Any, Any], task: Any, report: Callable[[float], None]) -> Any:
    """What a worker answers to a task."""
    try:
        return tool.do(task, report)
    except ConnectionError:  # nobody listens any more
        raise
    except TimbresepError as error:
        return Refused(error)
    except OSError as error:
        return NoFile(error.strerror or str(error))


def work_off(
    crew: Crew, tasks: Mapping[Key, Any], workers: int, report: Callable[[Key, float], None]
) -> Generator[tuple[Key, Any], None, None]:
    """Have tasks done.

    Args:
        crew: hires the workers.
        tasks: by a key.
        workers: how many work at a time.
        report: called with a key and how much of its task is done.

    Yields:
        Key and result of each task as it ends, in any order; or the `TimbresepError` that kept it
        from being done.

    Raises:
        TimbresepError: no worker can begin.
    """
    waiting, tries = deque(tasks), Counter[Key]()
    answered = False
    busy: dict[Worker, Key] = {}
    idle: list[Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else crew.hire()
                busy[worker] = key = waiting.popleft()
                tries[key] += 1
                worker.give(tasks[key])
            while idle and not waiting:  # a cluster may have no room for who has the last tasks
                idle.pop().dismiss()
            for worker, answer in crew.answers(tuple(busy)):
                if isinstance(answer, Share):
                    report(busy[worker], answer.done)
                    continue
                key = busy.pop(worker)
                if isinstance(answer, Died):
                    worker.dismiss()
                    if not answered and tries.total() > workers:  # a second round of dying
                        raise _none_begins(answer.of)
                    if tries[key] < TRIES:
                        log.warning("a worker died; another does %s", key)
                        waiting.appendleft(key)
                        continue
                    answer = Refused(_deadly(key))
                else:
                    idle.append(worker)
                    answered = True
                if isinstance(answer, NoFile):
                    answer = Refused(TimbresepError(f"{key}: {answer.reason}", "check the path"))
                if isinstance(answer, Refused) and not answer.opened:
                    raise answer.error
                yield key, answer.error if isinstance(answer, Refused) else answer
    finally:
        for worker in (*busy, *idle):
            worker.stop()
        for worker in (*busy, *idle):
            worker.dismiss()


def _deadly(key: object) -> TimbresepError:
    return TimbresepError(
        f"{key}: {TRIES} workers died of it",
        "there may be too little memory: use fewer --workers",
    )


def _none_begins(of: str) -> TimbresepError:
    return TimbresepError(
        f"the workers die before anything is done{of and f': {of}'}",
        "there may be too little memory: use fewer --workers",
    )
