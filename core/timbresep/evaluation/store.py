"""An evaluation's folder: a file for each finished track, then the tables as JSON and CSV.

OUT/settings.json               what was evaluated
OUT/tracks/<track>.json         one finished track; a rerun goes on from these
OUT/scores.json                 means, medians and every row
OUT/*.csv                       the same as tables
OUT/museval/<method>/test/<track>.json   BSSEval's frames, for museval's own tools
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import pydantic

from timbresep import files
from timbresep.data.track import Track
from timbresep.errors import ConfigError, OutputExistsError
from timbresep.files import atomic_write, write_text
from timbresep.formats.notation import parse_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

log = logging.getLogger(__name__)

LONGEST = 240  # bytes of a file's name without its ending
OWN = ("settings.json", "scores.json", "instruments.csv", "scores.csv", "absent.csv", "bsseval.csv")

Scores = TypeVar("Scores")
"""All that is found in a track, of a separator or of a transcriber."""


class Finished(pydantic.BaseModel, Generic[Scores]):
    """A track's file: its scores, and what they were made from."""

    settings: str
    audio: str
    scores: Scores


class Store(Generic[Scores]):
    """Where an evaluation is written to.

    Args:
        folder: made when it is not there.
        settings: everything that the scores depend on, besides the tracks.
        kind: the class of a track's scores.
        overwrite: drop what another evaluation has left there.

    Raises:
        OutputExistsError: the folder has another evaluation and ``overwrite`` is false.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, object],
        kind: type[Scores],
        *,
        overwrite: bool = False,
    ) -> None:
        self.folder = folder
        self._settings, self._digest = settings, _digest(settings)
        self._finished = Finished[kind]  # type: ignore[valid-type]
        if any((folder / name).exists() for name in OWN):
            differing = _differing(folder / "settings.json", settings)
            if differing and not overwrite:
                raise OutputExistsError(
                    f"{folder} has an evaluation with other settings ({', '.join(differing)})",
                    hint="choose another folder or use --overwrite",
                )
            if overwrite:
                for part in ("tracks", "museval"):
                    shutil.rmtree(folder / part, ignore_errors=True)
        files.write_json(folder / "settings.json", settings)

    def finished(self, track: Track) -> Scores | None:
        """The scores of a track that was finished with these settings, from these files."""
        path = self._path(track.name)
        if not path.is_file():
            return None
        try:
            found = self._finished.model_validate_json(path.read_bytes())
        except pydantic.ValidationError:
            log.warning("%s is damaged: the track is scored again", path)
            return None
        same = found.settings == self._digest and found.audio == _audio_digest(track)
        return found.scores if same else None

    def add(self, track: Track, scores: Scores, beside: Mapping[str, str]) -> None:
        """Write a finished track; its own file comes last, so that it stands for the rest.

        Args:
            track: its files.
            scores: what was found.
            beside: folder below the store's → what a file of the track there says.
        """
        self.add_beside(track, beside)
        finished = self._finished(settings=self._digest, audio=_audio_digest(track), scores=scores)
        write_text(self._path(track.name), finished.model_dump_json(indent=1))

    def add_beside(self, track: Track, files: Mapping[str, str]) -> None:
        """Write files of a track: folder below the store's → what the file there says."""
        for folder, text in files.items():
            write_text(self.folder / folder / f"{_plain(track.name)}.json", text)

    def finish(self, write: Callable[[Path], None]) -> None:
        """Write the tables of all tracks into the folder.

        Raises:
            OutputExistsError: another evaluation has begun in the folder meanwhile.
        """
        there = self.folder / "settings.json"
        if there.is_file() and (differing := _differing(there, self._settings)):
            raise OutputExistsError(
                f"{self.folder} has got an evaluation with other settings meanwhile "
                f"({', '.join(differing)})",
                hint="choose another folder or use --overwrite",
            )
        write(self.folder)

    def _path(self, track: str) -> Path:
        return self.folder / "tracks" / f"{_plain(track)}.json"


def write_rows(
    path: Path, kind: type[DataclassInstance], rows: Sequence[DataclassInstance]
) -> None:
    """Write rows of one dataclass as CSV, with the names of its fields as head."""
    head = [item.name for item in fields(kind)]
    write_table(path, head, (list(asdict(row).values()) for row in rows))


def write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV."""
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def _differing(path: Path, settings: Mapping[str, object]) -> list[str]:
    """The keys in which the settings on disk are others."""
    try:
        before = parse_json(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, ConfigError):
        before = {}
    if not isinstance(before, dict):
        before = {}
    after = json.loads(json.dumps(settings))
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _audio_digest(track: Track) -> str:
    """Of the names, sizes and times of a track's files."""
    paths = dict(track.stems) | ({"": track.mixture} if track.mixture else {})
    paths |= {"notes": track.notes} if track.notes else {}
    about = {name: (path.name, path.stat()) for name, path in paths.items()}
    return _digest({name: [file, s.st_size, s.st_mtime_ns] for name, (file, s) in about.items()})


def _plain(track: str) -> str:
    """A track's name as that of a file, which may not be longer than 255 bytes."""
    name = track.replace("/", "_")
    if len(name.encode()) > LONGEST:
        name = f"{name[: LONGEST // 8]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return name
