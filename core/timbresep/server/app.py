"""The HTTP interface: what the page, or a program, can ask for."""

from __future__ import annotations

import contextlib
import re
import shutil
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Request, Response, UploadFile
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from timbresep import __version__
from timbresep.audio.stem_file import ENDING, write_stem_file
from timbresep.errors import ConfigError, TimbresepError, UnknownNameError
from timbresep.files import atomic_write
from timbresep.formats.text import shown
from timbresep.instrument_name import check_name, plain
from timbresep.report.page import ASSETS
from timbresep.server.guard import Guard
from timbresep.server.jobs import ENDED, BusyError, Job, Jobs
from timbresep.server.offer import offer, picture_of
from timbresep.server.settings import ServerSettings
from timbresep.server.work import Desk, Result, Upload, Wish
from timbresep.server.worker import Workers

OWN = files("timbresep.server") / "assets"
PAGE_FILES = {
    "wavesurfer.min.js": (ASSETS, "text/javascript"),
    "mixer.js": (ASSETS, "text/javascript"),
    "style.css": (ASSETS, "text/css"),
    "serve.js": (OWN, "text/javascript"),
    "serve.css": (OWN, "text/css"),
}
MOST_REFERENCES = 50
BLOCK = 2**20

Sent = Annotated[UploadFile, File(description="The recording.")]
SentScore = Annotated[UploadFile | None, File(description="Its score, or MIDI.")]
SentNotes = Annotated[list[UploadFile] | None, File(description="Notes of one instrument.")]


def create_app(settings: ServerSettings) -> FastAPI:
    """The application of a server."""
    jobs, desk, workers = Jobs(settings), Desk(settings), Workers(settings)

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(jobs.close)
        workers.stop()

    app = FastAPI(
        title="timbresep", version=__version__, lifespan=life, docs_url=None, redoc_url=None
    )
    app.state.jobs, app.state.workers = jobs, workers
    app.add_middleware(Guard, hosts=settings.hosts, most=settings.upload)
    _add_errors(app)
    _add_page(app)
    _add_offer(app, desk, settings)
    _add_jobs(app, jobs, workers)
    _add_making(app, jobs, workers)
    _add_results(app, jobs)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(TimbresepError)
    async def told(_: Request, error: TimbresepError) -> JSONResponse:
        status = 404 if isinstance(error, UnknownNameError) else 400
        later = {}
        if isinstance(error, BusyError):
            status, later = 503, {"Retry-After": "5"}
        text, _sign, advice = " ".join(str(error).split()).partition(" — ")
        return JSONResponse({"error": text, "advice": advice}, status, later)

    @app.exception_handler(OSError)
    async def refused(_: Request, error: OSError) -> JSONResponse:
        text = error.strerror or "the file system refuses it"
        return JSONResponse({"error": text, "advice": "check the free space of this machine"}, 507)


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response((OWN / "index.html").read_bytes(), media_type="text/html")

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in PAGE_FILES:
            raise UnknownNameError("no such file", "")
        folder, kind = PAGE_FILES[name]
        return Response((folder / name).read_bytes(), media_type=kind)


def _add_offer(app: FastAPI, desk: Desk, settings: ServerSettings) -> None:
    @app.get("/api/offer", summary="Separators, presets, instruments and limits")
    def offered() -> dict[str, Any]:
        return offer(desk.registry(), settings)

    @app.get("/api/instruments/{name}/picture", summary="A spectrogram of an instrument's voice")
    def picture(name: str) -> FileResponse:
        return FileResponse(picture_of(desk.registry(), name), media_type="image/png")


def _add_jobs(app: FastAPI, jobs: Jobs, workers: Workers) -> None:
    @app.post("/api/jobs", status_code=202, summary="Separate a recording")
    async def separate(  # noqa: PLR0917 (a form's fields are parameters)
        file: Sent,
        score: SentScore = None,
        reference: SentNotes = None,
        reference_name: Annotated[str, Form()] = "",
        preset: Annotated[str | None, Form()] = None,
        separator: Annotated[str | None, Form()] = None,
        instruments: Annotated[str, Form(description="Names, separated by commas.")] = "",
        quality: Annotated[str, Form()] = "good",
    ) -> dict[str, str]:
        names = tuple(plain(name) for name in instruments.split(",") if name.strip())
        wish = Wish(preset or None, separator or None, names, quality)
        player = _name(reference_name) if reference else ""
        folder = jobs.new_folder()
        with _removed_on_error(folder):
            recording = await _stored(folder, "recording", [file])
            written = await _stored(folder, "score", [score] if score and score.filename else [])
            notes = await _stored(folder, "reference", reference or [])
        upload = Upload(
            next(iter(recording)).name,
            _shown(file),
            next((path.name for path in written), None),
            player,
            tuple(path.name for path in notes),
        )
        order = {"kind": "recording", "upload": asdict(upload), "wish": asdict(wish)}
        called = {**recording, **written, **notes}
        job = jobs.add(folder, upload.name, partial(_ordered, workers, order), called)
        return {"id": job.id}

    @app.get("/api/jobs/{name}", summary="How far a job is")
    def state(name: str) -> dict[str, Any]:
        job = jobs.get(name)
        told: dict[str, Any] = {
            "state": job.state,
            "share": job.share,
            "left": job.left,
            "ahead": jobs.ahead(job),
            "title": job.title,
            "error": job.error,
        }
        if job.state == "done":
            result = job.result
            told["result"] = result.told if isinstance(result, Result) else result
        return told

    @app.delete("/api/jobs/{name}", status_code=204, summary="Cancel a job, and remove its files")
    def cancel(name: str) -> None:
        jobs.cancel(name)


def _add_making(app: FastAPI, jobs: Jobs, workers: Workers) -> None:
    @app.post("/api/instruments", status_code=202, summary="Make an instrument of a few notes")
    async def make(
        name: Annotated[str, Form()], notes: Annotated[list[UploadFile], File()]
    ) -> dict[str, str]:
        own = _name(name)
        folder = jobs.new_folder()
        with _removed_on_error(folder):
            stored = await _stored(folder, "note", notes)
        order = {"kind": "instrument", "name": own, "notes": [path.name for path in stored]}
        return {"id": jobs.add(folder, own, partial(_ordered, workers, order), stored).id}


def _ordered(workers: Workers, order: Mapping[str, Any], job: Job) -> Any:
    """Have a job done, and read the answer."""
    answer = workers.do(job, {**order, "folder": str(job.folder)})
    return Result(**answer) if order["kind"] == "recording" else answer


def _add_results(app: FastAPI, jobs: Jobs) -> None:
    def result_of(name: str) -> tuple[Job, Result]:
        job = jobs.get(name)
        if job.state not in ENDED or not isinstance(job.result, Result):
            raise UnknownNameError("the job has no stems", "wait until it is done")
        return job, job.result

    @app.get("/api/jobs/{name}/audio/{track}.mp3", summary="A track for players")
    def track(name: str, track: str) -> Response:
        job, result = result_of(name)
        if track not in result.sounds:
            raise UnknownNameError(f"no track '{track}'", "")
        return FileResponse(job.file(result.sounds[track]), media_type="audio/mpeg")

    @app.get("/api/jobs/{name}/stems/{stem}", summary="A stem as FLAC")
    def stem(name: str, stem: str) -> FileResponse:
        job, result = result_of(name)
        if stem not in result.stems:
            raise UnknownNameError(f"no stem '{stem}'", "")
        path = job.file(result.stems[stem])
        called = f"{Path(result.name).stem} {stem}{path.suffix}"
        return FileResponse(path, media_type="audio/flac", filename=_safe(called))

    @app.get("/api/jobs/{name}/stem-file", summary="Mixture and four stems as one .stem.mp4")
    def stem_file(name: str) -> FileResponse:
        job, result = result_of(name)
        packed = job.folder / f"stems{ENDING}"
        if not packed.exists():
            stems = [job.file(file) for file in result.stems.values()]
            write_stem_file(packed, job.file(result.recording), stems, overwrite=True)
        called = f"{Path(result.name).stem}{ENDING}"
        return FileResponse(packed, media_type="video/mp4", filename=_safe(called))

    @app.get("/api/jobs/{name}/zip", summary="All stems in one archive")
    def archive(name: str) -> FileResponse:
        job, result = result_of(name)
        packed = job.folder / "stems.zip"
        if not packed.exists():
            _pack(packed, [job.file(file) for file in result.stems.values()])
        called = f"{Path(result.name).stem} stems.zip"
        return FileResponse(packed, media_type="application/zip", filename=_safe(called))


@contextlib.contextmanager
def _removed_on_error(folder: Path) -> Iterator[None]:
    """Remove a folder if its files cannot be stored."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _pack(packed: Path, stems: Sequence[Path]) -> None:
    """Write an archive whole or not at all."""
    with (
        atomic_write(packed) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive,
    ):
        for path in stems:
            archive.write(path, path.name)


async def _stored(folder: Path, kind: str, sent: Sequence[UploadFile]) -> dict[Path, str]:
    """Store files under names of ours, with their endings; gives what their owner calls each."""
    if len(sent) > MOST_REFERENCES:
        raise ConfigError(f"{len(sent)} files", f"send at most {MOST_REFERENCES}")
    stored: dict[Path, str] = {}
    for number, file in enumerate(sent):
        ending = re.search(r"\.[A-Za-z0-9]{1,8}$", file.filename or "")
        path = folder / f"{kind}-{number}{ending[0].lower() if ending else ''}"
        with path.open("wb") as target:
            while block := await file.read(BLOCK):
                await run_in_threadpool(target.write, block)
        stored[path] = _shown(file)
    return stored


def _name(given: str) -> str:
    """An instrument's name as people write it, checked."""
    name = plain(given)
    check_name(name, "the name")
    return name


def _shown(file: UploadFile) -> str:
    """What its owner calls a file, without folders."""
    return shown(re.split(r"[/\\]", file.filename or "")[-1][:200]) or "recording"


def _safe(name: str) -> str:
    """A name for a download."""
    return re.sub(r"[^\w .()+-]", "_", name).strip(". ")[:150] or "stems"
