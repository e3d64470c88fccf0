"""An engine: how many workers do the tasks, and where."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from timbresep.engines.crew import Crew, Setup, work_off
from timbresep.errors import TimbresepError

Key = TypeVar("Key")
Task = TypeVar("Task")
Row = TypeVar("Row")

Kind = Literal["processes", "ray"]


@dataclass(frozen=True)
class Engine:
    """How many workers do the tasks, and where.

    Attributes:
        kind: processes of this machine, or actors of a Ray cluster.
        workers: how many.
        address: of the cluster; None starts one on this machine.
    """

    kind: Kind = "processes"
    workers: int = 1
    address: str | None = None

    def is_needed(self, tasks: int) -> bool:
        """Whether others do so many tasks, not this process itself."""
        return self.kind == "ray" or min(self.workers, tasks) > 1

    def run(
        self,
        setup: Setup[Task, Row],
        tasks: Mapping[Key, Task],
        report: Callable[[Key, float], None],
    ) -> Generator[tuple[Key, Row | TimbresepError], None, None]:
        """Have tasks done; arguments and errors as for `timbresep.engines.crew.work_off`.

        Raises:
            MissingToolError: Ray is not installed.
        """
        workers = max(1, min(self.workers, len(tasks)))
        return work_off(self._crew(setup, workers), tasks, workers, report)

    def _crew(self, setup: Setup[Any, Any], workers: int) -> Crew:
        if self.kind == "ray":
            from timbresep.engines.ray_cluster import RayCrew

            return RayCrew(setup, workers, self.address)
        from timbresep.engines.processes import ProcessCrew

        return ProcessCrew(setup, workers)


HERE = Engine()
"""This process itself."""
