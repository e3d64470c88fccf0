"""Jobs: some work, others wait; each has a name that nobody can guess, and a folder of its own."""

from __future__ import annotations

import logging
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from timbresep.errors import TimbresepError, UnknownNameError
from timbresep.server.settings import ServerSettings

log = logging.getLogger(__name__)

State = Literal["waiting", "working", "done", "failed", "cancelled"]
SWEEP_S = 60.0
"""Seconds between two looks for jobs that are too old, while nobody asks for anything."""

ENDED: tuple[State, ...] = ("done", "failed", "cancelled")


class BusyError(TimbresepError):
    """Too many jobs wait."""


class CancelledError(TimbresepError):
    """A job was asked to stop."""


@dataclass
class Job:
    """A piece of work.

    Attributes:
        id: its name, which is the right to see it.
        folder: its files.
        title: what people call it.
        work: does it, and gives its result.
        called: path of a file that was sent → what its owner calls it.
        state: how far it is.
        share: of the work that is done, 0 to 1.
        error: why it failed, in a line.
        result: what `work` gave.
        began: when the work began, in seconds of a clock.
        ended: when it ended.
    """

    id: str
    folder: Path
    title: str
    work: Callable[[Job], Any]
    called: Mapping[str, str] = field(default_factory=dict)
    state: State = "waiting"
    share: float = 0.0
    error: str = ""
    result: Any = None
    began: float | None = None
    ended: float | None = None
    limit: float = 3600.0
    stop: threading.Event = field(default_factory=threading.Event)

    def report(self, share: float) -> None:
        """Take the progress of the work.

        Raises:
            CancelledError: it is to stop, or worked for too long.
        """
        self.share = min(1.0, max(self.share, share))
        if self.stop.is_set():
            raise CancelledError("cancelled")
        if self.began is not None and time.monotonic() - self.began > self.limit:
            raise TimbresepError(
                f"it took longer than {self.limit:.0f} s", "try a shorter recording"
            )

    def file(self, name: str) -> Path:
        """A file of the job, by its name from the folder; it is never elsewhere.

        Raises:
            UnknownNameError: it would be.
        """
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise UnknownNameError("no such file", "")
        return path

    def told(self, error: Exception) -> str:
        """An error in a line, with its owner's names of files."""
        text = " ".join(str(error).split())
        for path, name in self.called.items():
            text = text.replace(path, name)
        return text.replace(str(self.folder), "")

    @property
    def left(self) -> float | None:
        """Seconds that it is expected to take; None while that is not known."""
        if self.state != "working" or self.began is None or self.share < 0.02:
            return None
        return (time.monotonic() - self.began) * (1 - self.share) / self.share


class Jobs:
    """All jobs of a server, of which as many work at a time as there are workers.

    Args:
        settings: limits.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._waiting: queue.Queue[Job | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._work, name=f"jobs-{number}", daemon=True)
            for number in range(settings.workers)
        ]
        for thread in self._threads:
            thread.start()

    def new_folder(self) -> Path:
        """A folder for a job's files, whose name is the job's.

        Raises:
            BusyError: too many wait.
        """
        self.sweep()
        self._check_waiting()
        folder = self.settings.folder / secrets.token_urlsafe(24)
        folder.mkdir(parents=True)
        return folder

    def add(
        self,
        folder: Path,
        title: str,
        work: Callable[[Job], Any],
        called: Mapping[Path, str] | None = None,
    ) -> Job:
        """Queue a job.

        Args:
            folder: of `new_folder`, with its files.
            title: what people call it.
            work: does it.
            called: file → what its owner calls it, for errors.

        Raises:
            BusyError: too many wait.
        """
        with self._lock:
            try:
                self._check_waiting()
            except BusyError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            names = {str(path): name for path, name in (called or {}).items()}
            job = Job(folder.name, folder, title, work, names, limit=self.settings.seconds)
            self._jobs[job.id] = job
        self._waiting.put(job)
        return job

    def _check_waiting(self) -> None:
        ahead = sum(job.state == "waiting" for job in list(self._jobs.values()))
        if ahead >= self.settings.waiting:
            raise BusyError(f"{ahead} jobs wait already", "try again later")

    def get(self, name: str) -> Job:
        """A job by name.

        Raises:
            UnknownNameError: there is none.
        """
        job = self._jobs.get(name)
        if job is None:
            raise UnknownNameError("no such job", "it was removed, or never there")
        return job

    def ahead(self, job: Job) -> int:
        """How many jobs work or wait before one that waits."""
        if job.state != "waiting":
            return 0
        ahead = 0
        for each in list(self._jobs.values()):
            if each is job:
                break
            ahead += each.state not in ENDED
        return ahead

    def cancel(self, name: str) -> None:
        """Stop a job, and remove it and its files.

        Raises:
            UnknownNameError: there is none.
        """
        job = self.get(name)
        job.stop.set()
        with self._lock:
            self._jobs.pop(name, None)
            working = job.state == "working"
            if job.state == "waiting":
                job.state = "cancelled"
        if not working:  # else its folder goes when it has stopped
            shutil.rmtree(job.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove finished jobs that are too old."""
        now = time.monotonic()
        with self._lock:
            old = [
                job
                for job in self._jobs.values()
                if job.ended is not None and now - job.ended > self.settings.keep
            ]
            for job in old:
                del self._jobs[job.id]
        for job in old:
            shutil.rmtree(job.folder, ignore_errors=True)

    def close(self) -> None:
        """Stop all work, and remove all files."""
        for job in list(self._jobs.values()):
            job.stop.set()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(timeout=30)
        shutil.rmtree(self.settings.folder, ignore_errors=True)

    def _work(self) -> None:
        while True:
            try:
                job = self._waiting.get(timeout=SWEEP_S)
            except queue.Empty:
                self.sweep()
                continue
            if job is None:
                return
            if not job.stop.is_set():
                self._do(job)
            if job.stop.is_set():
                shutil.rmtree(job.folder, ignore_errors=True)

    def _do(self, job: Job) -> None:
        job.state, job.began = "working", time.monotonic()
        try:
            job.result = job.work(job)
            job.share, state = 1.0, "done"
        except CancelledError:
            state = "cancelled"
        except (TimbresepError, OSError) as error:
            job.error, state = job.told(error), "failed"
        except Exception as error:  # one bad job never ends the server
            log.exception("job failed")
            job.error, state = f"internal error: {type(error).__name__}", "failed"
        job.ended = time.monotonic()
        job.state = state  # type: ignore[assignment]
