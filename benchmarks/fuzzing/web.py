"""Requests to `serve`: bytes as they come over the wire, answered by the whole application."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h11
import soundfile
from starlette.applications import Starlette

from benchmarks.fuzzing import documents
from benchmarks.fuzzing.recordings import wave
from benchmarks.fuzzing.target import Target
from timbresep.errors import DataError
from timbresep.server.app import create_app
from timbresep.server.settings import ServerSettings
from timbresep.server.work import Desk

OWN = "Host: localhost\r\nX-Timbresep: 1\r\nOrigin: http://localhost\r\n"
SECONDS = 4.0  # that a job may take


def requests(scratch: Path) -> Target:
    """Any request. A recording counts as too long as soon as its header was read.

    An answer of 500 is a fault, and so is a job that fails for no reason of its owner's.
    """
    recording = scratch / "a.wav"
    soundfile.write(recording, wave(), 8000)
    sent = recording.read_bytes()
    settings = ServerSettings(
        folder=scratch / "jobs",
        plugins=scratch / "made",
        upload=200_000,
        length=0.01,
        seconds=SECONDS,
        device="cpu",
    )
    app, desk = create_app(settings), Desk(settings)
    # Not in a worker's process, where neither its writing nor its errors would be seen.
    app.state.workers.do = lambda job, order: desk.do(order, job.report)
    form = {"file": sent, "separator": b"universal", "instruments": b"violin,flute"}
    scored = {**form, "score": b"MThd", "reference": sent, "reference_name": b"oboe"}
    seeds = [
        f"GET / HTTP/1.1\r\n{OWN}\r\n".encode(),
        f"GET /api/offer HTTP/1.1\r\n{OWN}\r\n".encode(),
        f"GET /api/instruments/violin/picture HTTP/1.1\r\n{OWN}\r\n".encode(),
        f"GET /assets/mixer.js HTTP/1.1\r\n{OWN}\r\n".encode(),
        _form("/api/jobs", form),
        _form("/api/jobs", scored),
        _form("/api/instruments", {"name": b"kazoo", "notes": b"RIFF"}),
    ]
    return Target(seeds, documents.request, lambda data: _served(app, data))


def _form(path: str, fields: dict[str, bytes]) -> bytes:
    files = ("file", "score", "reference", "notes")
    body = b""
    for name, value in fields.items():
        called = f'; filename="{name}.wav"' if name in files else ""
        head = f'--fuzz\r\nContent-Disposition: form-data; name="{name}"{called}\r\n\r\n'
        body += head.encode() + value + b"\r\n"
    body += b"--fuzz--\r\n"
    kind = "Content-Type: multipart/form-data; boundary=fuzz"
    head = f"POST {path} HTTP/1.1\r\n{OWN}{kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _served(app: Starlette, data: bytes) -> None:
    """Answer a request as the server would, and go through with the job that it begins."""
    status, told = asyncio.run(_answer(app, *_parsed(data)))
    name = told.get("id") if isinstance(told, dict) else None
    if isinstance(name, str):
        _follow(app, name)
    if status >= 500:
        raise ValueError(f"answered with {status}: {told}")
    if status >= 400:
        raise DataError(f"answered with {status}: {told}")


def _follow(app: Starlette, name: str) -> None:
    """Wait for the end of a job, and remove it."""
    end, about = time.monotonic() + 2 * SECONDS, app.state.jobs.get(name)
    while about.state in ("waiting", "working") and time.monotonic() < end:
        time.sleep(0.002)
    error, state = about.error, about.state
    app.state.jobs.cancel(name)
    if state in ("waiting", "working") or error.startswith("internal error"):
        raise ValueError(f"the job is {state}: {error}")


def _parsed(data: bytes) -> tuple[h11.Request, bytes]:
    """A request as uvicorn's parser takes it; a DataError where that refuses it."""
    connection = h11.Connection(h11.SERVER)
    body = b""
    try:
        connection.receive_data(data)
        connection.receive_data(b"")  # the client has closed
        asked = connection.next_event()
        if not isinstance(asked, h11.Request):
            raise DataError("no request")
        while isinstance(event := connection.next_event(), h11.Data):
            body += bytes(event.data)
    except h11.RemoteProtocolError as error:
        raise DataError(f"no HTTP: {error}") from error
    return asked, body


async def _answer(app: Starlette, asked: h11.Request, body: bytes) -> tuple[int, Any]:
    """The status and, where it is JSON, the body of the answer."""
    path, _, query = asked.target.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": asked.http_version.decode(),
        "server": ("127.0.0.1", 8765),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "method": asked.method.decode("ascii"),
        "root_path": "",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "headers": list(asked.headers),
    }
    pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)] or [b""]
    said: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message)

    await app(scope, receive, send)
    status = next((each["status"] for each in said if "status" in each), 500)
    text = b"".join(each.get("body", b"") for each in said)
    try:
        return status, json.loads(text)
    except ValueError:
        return status, None
