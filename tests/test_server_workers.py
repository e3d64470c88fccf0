"""The server's processes: stopped at once, replaced when they die, and never mixed up."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timbresep.errors import TimbresepError, UnknownNameError
from timbresep.server.jobs import CancelledError, Job
from timbresep.server.settings import MB, ServerSettings
from timbresep.server.worker import Worker

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from timbresep.server.app import create_app

RATE = 44_100
SECONDS = 1.0


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ServerSettings:
    folder = tmp_path_factory.mktemp("served")
    return ServerSettings(folder / "jobs", folder / "made", upload=3 * MB, device="cpu")


@pytest.fixture(scope="module")
def worker(settings: ServerSettings) -> Iterator[Worker]:
    made = Worker(settings)
    yield made
    made.stop()


def noise(seed: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(RATE * SECONDS))


def flac(wave: np.ndarray) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, wave, RATE, format="FLAC", subtype="PCM_24")
    return made.getvalue()


def job_of(settings: ServerSettings, name: str, limit: float = 600.0) -> Job:
    folder = settings.folder / name
    folder.mkdir(parents=True)
    (folder / "recording-0.flac").write_bytes(flac(noise(0)))
    return Job(name, folder, name, lambda job: None, began=time.monotonic(), limit=limit)


def order(job: Job, separator: str = "universal") -> dict[str, object]:
    upload = {"recording": "recording-0.flac", "name": "a.flac", "references": ()}
    wish = {"separator": separator, "instruments": ["violin"], "quality": "fast"}
    return {"kind": "recording", "folder": str(job.folder), "upload": upload, "wish": wish}


def killed(worker: Worker, times: int) -> threading.Thread:
    """Kill the processes of a worker, so many of them, soon after they start."""

    def kill() -> None:
        gone = set[int]()
        while len(gone) < times:
            if worker.pid is not None and worker.pid not in gone:
                gone.add(worker.pid)
                time.sleep(0.3)
                os.kill(worker.pid, signal.SIGKILL)
            time.sleep(0.01)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


def test_a_job_whose_worker_is_killed_is_done_by_another(
    worker: Worker, settings: ServerSettings
) -> None:
    worker.stop()
    killer = killed(worker, 1)
    job = job_of(settings, "killed")
    result = worker.do(job, order(job))
    killer.join()
    assert list(result["stems"]) == ["violin", "residual"]
    assert job.file(result["stems"]["violin"]).is_file()
    assert not list(job.folder.rglob("*.part*"))


def test_a_worker_keeps_its_process_and_survives_what_it_cannot_do(
    worker: Worker, settings: ServerSettings
) -> None:
    first = job_of(settings, "bad")
    with pytest.raises(TimbresepError, match="no separator named 'nobody'"):
        worker.do(first, order(first, "nobody"))
    pid = worker.pid
    with pytest.raises(TimbresepError, match="internal error: KeyError"):
        worker.do(first, {"kind": "recording", "folder": str(first.folder)})
    job = job_of(settings, "good")
    assert worker.do(job, order(job))["told"]["seconds"] == pytest.approx(SECONDS)
    assert worker.pid == pid


def test_a_cancelled_job_ends_while_its_worker_still_loads(settings: ServerSettings) -> None:
    worker, job = Worker(settings), job_of(settings, "cancelled")
    threading.Timer(0.5, job.stop.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        worker.do(job, order(job))
    assert time.monotonic() - began < 2.0  # loading alone takes longer
    assert worker.pid is None


def test_a_job_that_no_worker_survives_fails(settings: ServerSettings) -> None:
    worker, job = Worker(settings), job_of(settings, "deadly")
    killer = killed(worker, 2)
    with pytest.raises(TimbresepError, match="ended 2 times before it was done"):
        worker.do(job, order(job))
    killer.join()


@pytest.mark.parametrize("name", ["../other/a.flac", "/etc/passwd", "stems/../../b"])
def test_an_answer_cannot_name_files_elsewhere(name: str, settings: ServerSettings) -> None:
    job = Job("a", settings.folder / "a", "a", lambda job: None)
    with pytest.raises(UnknownNameError):
        job.file(name)


def test_everyone_gets_their_own_though_workers_die(
    settings: ServerSettings, tmp_path: Path
) -> None:
    """Clients ask at once; stems and residual of each sum to what that client has sent."""
    own = ServerSettings(tmp_path / "jobs", tmp_path, workers=2, waiting=2, device="cpu")
    wrong: list[str] = []

    def ask(client: TestClient, seed: int) -> None:
        wave = noise(seed)
        fields = {"separator": "universal", "instruments": "violin,flute", "quality": "fast"}
        sent = {"file": (f"{seed}.flac", flac(wave))}
        while (answer := client.post("/api/jobs", files=sent, data=fields)).status_code == 503:
            assert answer.headers["Retry-After"]
            time.sleep(0.1)
        id = answer.json()["id"]
        while (told := client.get(f"/api/jobs/{id}").json())["state"] in ("waiting", "working"):
            time.sleep(0.05)
        if told["state"] != "done":
            wrong.append(f"{seed}: {told['error']}")
            return
        packed = zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{id}/zip").content))
        parts = [soundfile.read(io.BytesIO(packed.read(name)))[0] for name in packed.namelist()]
        if told["title"] != f"{seed}.flac" or np.abs(np.sum(parts, 0) - wave).max() > 1e-4:
            wrong.append(f"{seed}: another's stems")

    app = create_app(own)
    with TestClient(app, base_url="http://localhost", headers={"X-Timbresep": "1"}) as client:
        threads = [threading.Thread(target=ask, args=(client, seed)) for seed in range(1, 7)]
        for thread in threads:
            thread.start()
        killed(app.state.workers.all[0], 1).join()
        for thread in threads:
            thread.join()
    assert not wrong
    assert not own.folder.exists()
