"""The server: what it does for a program, and what it refuses."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from timbresep import audio
from timbresep.errors import UnknownNameError
from timbresep.server.jobs import BusyError, Job, Jobs
from timbresep.server.settings import MB, ServerSettings

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from timbresep.server.app import create_app

OWN = {"X-Timbresep": "1"}
DEMO = Path("data/starter/demo")


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(
        folder=tmp_path / "jobs", plugins=tmp_path / "made", upload=3 * MB, length=60, device="cpu"
    )


@pytest.fixture
def client(settings: ServerSettings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://localhost", headers=OWN) as opened:
        yield opened


@pytest.fixture(scope="session")
def song() -> bytes:
    wave, rate = audio.read(DEMO / "mixture.flac")
    made = io.BytesIO()
    soundfile.write(made, wave[:, : 3 * rate].T, rate, format="FLAC")
    return made.getvalue()


def send(client: TestClient, song: bytes, name: str = "my song.flac", **fields: str) -> Any:
    return client.post("/api/jobs", files={"file": (name, song)}, data=fields)


def ended(client: TestClient, id: str) -> dict[str, Any]:
    """A job's state when it has ended."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        told: dict[str, Any] = client.get(f"/api/jobs/{id}").json()
        if told["state"] not in ("waiting", "working"):
            return told
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def test_a_program_separates_and_gets_stems(
    client: TestClient, song: bytes, settings: ServerSettings
) -> None:
    sent = send(client, song, separator="universal", instruments="violin,flute", quality="fast")
    assert sent.status_code == 202
    id = sent.json()["id"]
    told = ended(client, id)
    assert told["state"] == "done", told["error"]
    result = told["result"]
    assert result["file"] == "my song.flac"
    assert result["stems"] == ["violin", "flute", "residual"]
    assert [track["name"] for track in result["tracks"]] == ["mixture", *result["stems"]]
    stem = client.get(f"/api/jobs/{id}/stems/violin")
    assert "my%20song%20violin.flac" in stem.headers["content-disposition"]
    parts = [client.get(f"/api/jobs/{id}/stems/{name}").content for name in result["stems"]]
    total = sum(soundfile.read(io.BytesIO(part))[0] for part in parts)
    assert np.abs(total - soundfile.read(io.BytesIO(song))[0]).max() < 1e-5
    mp3 = client.get(f"/api/jobs/{id}/audio/violin.mp3")
    assert soundfile.info(io.BytesIO(mp3.content)).duration == pytest.approx(3, abs=0.1)
    packed = zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{id}/zip").content))
    assert sorted(packed.namelist()) == ["flute.flac", "residual.flac", "violin.flac"]
    assert client.delete(f"/api/jobs/{id}").status_code == 204
    assert client.get(f"/api/jobs/{id}/stems/violin").status_code == 404
    assert not list(settings.folder.iterdir())


def test_the_offer_names_what_can_be_asked_for(client: TestClient) -> None:
    offer = client.get("/api/offer").json()
    assert "violin" in [each["name"] for each in offer["instruments"]]
    assert "universal" in [each["name"] for each in offer["separators"]]
    assert client.get("/api/instruments/violin/picture").headers["content-type"] == "image/png"
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/api/jobs", "/api/jobs/{name}", "/api/offer"} <= set(paths)


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("song.wav", b"not audio", "song.wav"),
        ("<b>x.wav", b"", "<b>x.wav"),
        ("../../etc/passwd", b"root", "passwd"),
    ],
)
def test_bad_files_are_told_by_their_owners_name(
    name: str, data: bytes, error: str, client: TestClient, settings: ServerSettings
) -> None:
    sent = send(client, data, name)
    told = ended(client, sent.json()["id"])
    assert told["state"] == "failed"
    assert error in told["error"]
    assert str(settings.folder) not in told["error"]


@pytest.mark.parametrize(
    "fields",
    [
        {"separator": "nobody"},
        {"preset": "nothing"},
        {"instruments": "violn", "separator": "universal"},
        {"quality": "perfect"},
    ],
)
def test_names_that_nobody_has_are_told(
    fields: dict[str, str], client: TestClient, song: bytes
) -> None:
    told = ended(client, send(client, song, **fields).json()["id"])
    assert told["state"] == "failed"
    assert told["error"]


def test_what_is_too_large_or_too_long_is_refused(
    client: TestClient, settings: ServerSettings
) -> None:
    too_large = send(client, bytes(3 * MB + 1))
    assert too_large.status_code == 413
    assert "3 MB" in too_large.json()["error"]

    def pieces() -> Iterator[bytes]:  # no length is told before
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(40):
            yield bytes(100_000)

    kind = {"Content-Type": "multipart/form-data; boundary=x", **OWN}
    assert client.post("/api/jobs", content=pieces(), headers=kind).status_code == 413
    made = io.BytesIO()
    soundfile.write(made, np.zeros(61 * 8000, np.int16), 8000, format="FLAC")
    told = ended(client, send(client, made.getvalue()).json()["id"])
    assert "1 are the most" in told["error"]
    assert not list(settings.folder.rglob("recording-*.wav"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Content-Length": "9" * 5000}, 413),
        ({"X-Timbresep": ""}, 202),
        ({"Origin": "http://localhost"}, 202),
    ],
)
def test_other_sites_cannot_ask(
    headers: dict[str, str], status: int, client: TestClient, song: bytes
) -> None:
    assert client.post("/api/jobs", files={"file": song}, headers=headers).status_code == status


def test_requests_without_the_own_header_are_refused(settings: ServerSettings) -> None:
    with TestClient(create_app(settings), base_url="http://localhost") as plain:
        assert plain.post("/api/jobs", files={"file": b"x"}).status_code == 403
        assert plain.delete("/api/jobs/x").status_code == 403


def test_no_path_of_a_client_reaches_the_file_system(client: TestClient) -> None:
    for path in (
        "/assets/..%2f..%2fapp.py",
        "/assets/%2e%2e/app.py",
        "/api/jobs/..%2f..%2fetc",
        "/api/instruments/..%2f..%2fregistry/picture",
    ):
        assert client.get(path).status_code == 404
    for name in ("../x", "a/b", "", "x" * 500):
        answer = client.post("/api/instruments", data={"name": name}, files={"notes": b"x"})
        assert answer.status_code in (400, 422)


def test_pages_allow_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    for name in ("wavesurfer.min.js", "mixer.js", "style.css", "serve.js", "serve.css"):
        assert f"/assets/{name}" in page.text
        assert client.get(f"/assets/{name}").status_code == 200


def wait(job: Job) -> None:
    """Work until the job is to stop."""
    while True:
        job.report(0.5)
        time.sleep(0.01)


def until(job: Job, state: str) -> None:
    end = time.monotonic() + 10
    while job.state != state:
        assert time.monotonic() < end, job
        time.sleep(0.01)


def test_jobs_wait_are_cancelled_and_leave_nothing(settings: ServerSettings) -> None:
    jobs = Jobs(settings)
    first = jobs.add(jobs.new_folder(), "first", wait)
    second = jobs.add(jobs.new_folder(), "second", wait)
    until(first, "working")
    assert jobs.ahead(second) == 1
    jobs.cancel(first.id)
    until(second, "working")
    assert first.state == "cancelled"
    with pytest.raises(UnknownNameError):
        jobs.get(first.id)
    jobs.close()
    assert second.state == "cancelled"
    assert not settings.folder.exists()


def test_too_many_jobs_are_refused_and_old_ones_go(tmp_path: Path) -> None:
    jobs = Jobs(ServerSettings(tmp_path / "jobs", tmp_path, waiting=1, keep=0.0))
    first = jobs.add(jobs.new_folder(), "first", wait)
    until(first, "working")
    second = jobs.add(jobs.new_folder(), "second", lambda job: None)
    with pytest.raises(BusyError):
        jobs.add(jobs.new_folder(), "third", wait)
    jobs.cancel(first.id)
    until(second, "done")
    jobs.sweep()
    with pytest.raises(UnknownNameError):
        jobs.get(second.id)
    jobs.close()


def test_old_jobs_go_while_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timbresep.server.jobs.SWEEP_S", 0.05)
    jobs = Jobs(ServerSettings(tmp_path / "jobs", tmp_path, keep=0.0))
    job = jobs.add(jobs.new_folder(), "one", lambda job: None)
    until(job, "done")
    end = time.monotonic() + 5
    while job.folder.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    jobs.close()


@pytest.mark.parametrize("host", ["studio.lan", "STUDIO.lan:8765", "[fd00::5]:8765"])
def test_names_that_were_allowed_are_answered(host: str, settings: ServerSettings) -> None:
    hosts = ("studio.lan", "fd00::5")
    with TestClient(create_app(replace(settings, hosts=hosts)), headers={"Host": host}) as client:
        assert client.get("/").status_code == 200
        assert client.get("/", headers={"Host": "localhost"}).status_code == 400


def test_a_job_may_not_work_for_ever_and_a_bug_ends_only_itself(tmp_path: Path) -> None:
    jobs = Jobs(ServerSettings(tmp_path / "jobs", tmp_path, seconds=0.05))
    slow = jobs.add(jobs.new_folder(), "slow", wait)
    broken = jobs.add(jobs.new_folder(), "broken", lambda job: 1 / 0)
    fine = jobs.add(jobs.new_folder(), "fine", lambda job: 7)
    until(fine, "done")
    assert "longer than" in slow.error
    assert broken.error == "internal error: ZeroDivisionError"
    jobs.close()
