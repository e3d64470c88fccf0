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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pydantic

from timbresep import files
from timbresep.data.track import Track
from timbresep.errors import ConfigError, OutputExistsError
from timbresep.evaluation.bsseval import BssScores
from timbresep.evaluation.result import (
    KEYS,
    METHODS,
    BssRow,
    Evaluation,
    Leak,
    Method,
    Row,
    TrackScores,
)
from timbresep.evaluation.summary import (
    bss_medians,
    by_instrument,
    gains_over_earlier,
    leak_means,
    medians,
    methods_in,
    mixtures_unlike_their_stems,
    overall,
    swap_losses,
    tracks_of,
    without_target,
)
from timbresep.files import atomic_write, write_text
from timbresep.formats.notation import parse_json

log = logging.getLogger(__name__)

LONGEST = 240  # bytes of a file's name without its ending
OWN = ("settings.json", "scores.json", "instruments.csv", "scores.csv", "absent.csv", "bsseval.csv")


class Finished(pydantic.BaseModel):
    """A track's file: its scores, and what they were made from."""

    settings: str
    audio: str
    scores: TrackScores


class Store:
    """Where an evaluation is written to.

    Args:
        folder: made when it is not there.
        settings: everything that the scores depend on, besides the tracks.
        overwrite: drop what another evaluation has left there.

    Raises:
        OutputExistsError: the folder has another evaluation and ``overwrite`` is false.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, object], *, overwrite: bool = False
    ) -> None:
        self.folder = folder
        self._settings, self._digest = settings, _digest(settings)
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

    def finished(self, track: Track) -> TrackScores | None:
        """The scores of a track that was finished with these settings, from these files."""
        path = self._path(track.name)
        if not path.is_file():
            return None
        try:
            found = Finished.model_validate_json(path.read_bytes())
        except pydantic.ValidationError:
            log.warning("%s is damaged: the track is scored again", path)
            return None
        same = found.settings == self._digest and found.audio == _audio_digest(track)
        return found.scores if same else None

    def add(self, track: Track, scores: TrackScores, bss: Mapping[Method, BssScores]) -> None:
        """Write a finished track; its own file comes last, so that it stands for the rest."""
        for method, value in bss.items():
            name = f"{_plain(track.name)}.json"
            write_text(self.folder / "museval" / method / "test" / name, value.json)
        finished = Finished(settings=self._digest, audio=_audio_digest(track), scores=scores)
        write_text(self._path(track.name), finished.model_dump_json(indent=1))

    def finish(self, result: Evaluation) -> None:
        """Write the tables of all tracks.

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
        files.write_json(self.folder / "scores.json", as_data(result))
        _write_csv(self.folder / "scores.csv", Row, result.rows)
        _write_csv(self.folder / "absent.csv", Leak, result.leaks)
        if result.bss:
            _write_csv(self.folder / "bsseval.csv", BssRow, result.bss)
        with (
            atomic_write(self.folder / "instruments.csv") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["instrument", "method", "statistic", "tracks", *KEYS])
            for method in methods_in(result):
                for statistic, table in (("mean", by_instrument), ("median", medians)):
                    for name, scores in table(result, method).items():
                        values = (scores[key] for key in KEYS)
                        count = tracks_of(result, name)
                        writer.writerow([name, method, statistic, count, *values])

    def _path(self, track: str) -> Path:
        return self.folder / "tracks" / f"{_plain(track)}.json"


def as_data(result: Evaluation) -> dict[str, object]:
    """Everything, ready for JSON: counts and means first, then every row."""
    return {
        "summary": {
            "tracks": len(result.tracks),
            "skipped": [asdict(item) for item in result.skipped],
            "without_target": without_target(result),
            "mixture_is_not_the_sum": mixtures_unlike_their_stems(result),
        },
        "mean": {method: overall(result, method) for method in METHODS},
        "instruments": {
            name: {
                method: scores[name]
                for method in METHODS
                if name in (scores := by_instrument(result, method))
            }
            for name in result.instruments
        },
        "medians": {method: medians(result, method) for method in methods_in(result)},
        "swap_loss": swap_losses(result),
        "gain_over_earlier": gains_over_earlier(result),
        "absent_mean": leak_means(result),
        "bsseval": {method: found for method in METHODS if (found := bss_medians(result, method))},
        "notes": {track.track: track.notes for track in result.tracks if track.notes},
        "mixture_error": {
            track.track: track.mixture_error
            for track in result.tracks
            if track.mixture_error is not None
        },
        "rows": [asdict(row) for row in result.rows],
        "swaps": [asdict(swap) for swap in result.swaps],
        "absent": [asdict(leak) for leak in result.leaks],
        "bsseval_rows": [asdict(row) for row in result.bss],
    }


def _write_csv(
    path: Path, row_type: type[Row | Leak | BssRow], rows: Sequence[Row | Leak | BssRow]
) -> None:
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, [item.name for item in fields(row_type)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


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
