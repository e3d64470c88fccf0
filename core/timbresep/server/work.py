"""What a job does: separate a recording, or make an instrument of a few notes.

A worker process does it (`server.worker`). What it is asked and what it answers goes between the
processes as JSON.
"""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from timbresep import audio
from timbresep.asked import ALL
from timbresep.audio.stem_file import STEMS
from timbresep.condition import reference
from timbresep.errors import AudioError, ConfigError
from timbresep.registry.registry import Registry
from timbresep.report.page import Track
from timbresep.report.sound import loudest, sound
from timbresep.separation.batch import separate_batch
from timbresep.separation.load import open_separator
from timbresep.separation.one_file import FileReport
from timbresep.separation.options import DEFAULTS, QUALITIES
from timbresep.separation.output import Output
from timbresep.separation.parts import Wanted
from timbresep.separation.scored import ScoreRequest, open_with_score
from timbresep.separation.separator import Separator
from timbresep.separation.streams import StreamSeparator
from timbresep.server.settings import ServerSettings

MIXTURE = "mixture"
OUT = "stems"
PLAYERS = "players"

KEPT_OPEN = 3
"""Separators of the last jobs that stay in memory."""

INSTRUMENT_SECONDS = 30.0
"""Of fine-tuning a voice; the page is not the place to wait for more."""


@dataclass(frozen=True)
class Wish:
    """What a browser asks for.

    Attributes:
        preset: name of one; its separator and instruments, unless others are given.
        separator: name of a listed separator; None for the preset's, or the default one.
        instruments: names; none for all.
        quality: fast, good or best.
    """

    preset: str | None = None
    separator: str | None = None
    instruments: tuple[str, ...] = ()
    quality: str = "good"


@dataclass(frozen=True)
class Upload:
    """Files that a browser has sent, under names of ours, in the job's folder.

    Attributes:
        recording: the file's name.
        name: what its owner calls it.
        score: of it, or None.
        player: the instrument of `references`, if there are any.
        references: files with notes of that instrument.
    """

    recording: str
    name: str
    score: str | None = None
    player: str = ""
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What became of a recording; all files are named from the job's folder.

    Attributes:
        recording: the file.
        name: what its owner calls it.
        stems: name of a stem → its file.
        sounds: name of a track → MP3 file for the players.
        told: what a program is told of it.
    """

    recording: str
    name: str
    stems: Mapping[str, str]
    sounds: Mapping[str, str]
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Opened:
    """A separator, the stems to write, and whether all are asked for."""

    model: StreamSeparator
    stems: Sequence[str]
    everyone: bool


Report = Callable[[float], None]
"""Called with the share of a job that is done, 0 to 1."""


class Desk:
    """Does jobs; separators stay open for the next ones.

    Args:
        settings: limits and folders.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._open: OrderedDict[object, Separator] = OrderedDict()

    def do(self, order: Mapping[str, Any], report: Report) -> dict[str, Any]:
        """Do what is asked for in JSON, and answer in it; errors as of the methods below."""
        folder = Path(order["folder"])
        if order["kind"] == "instrument":
            return self.make_instrument(
                order["name"], [folder / name for name in order["notes"]], report
            )
        lists = {key: tuple(order["upload"][key]) for key in ("references",)}
        upload = Upload(**{**order["upload"], **lists})
        wish = Wish(**{**order["wish"], "instruments": tuple(order["wish"]["instruments"])})
        return asdict(self.separate(folder, upload, wish, report))

    def registry(self) -> Registry:
        """All plugins, with those that were made here; none of these runs code."""
        made = (self.settings.plugins,) if self.settings.plugins.is_dir() else ()
        return Registry.load((*self.settings.plugins_dirs, *made))

    def separate(self, folder: Path, upload: Upload, wish: Wish, report: Report) -> Result:
        """Separate a recording, and make what players need of its stems.

        Raises:
            TimbresepError: the recording is too long or unreadable, or a name is not known.
        """
        recording = folder / upload.recording
        about = audio.info(recording)
        if about.duration > self.settings.length:
            raise AudioError(
                f"the recording has {about.duration / 60:.0f} minutes, and "
                f"{self.settings.length / 60:.0f} are the most",
                "use the command line, which has no limit",
            )
        registry = self.registry()
        opened = self._opened(folder, upload, wish, registry)
        output = Output(
            folder / OUT,
            "flac",
            wanted=Wanted(residual=True, keep_absent=not opened.everyone),
            listen=True,
        )
        batch = separate_batch(
            opened.model,
            [recording],
            output,
            instruments=opened.stems,
            report=lambda _, share: report(0.9 * share),
        )
        if batch.failed:
            raise batch.failed[0][1]
        return _result(folder, batch.done[0], upload.name, report)

    def make_instrument(self, name: str, notes: Sequence[Path], report: Report) -> dict[str, Any]:
        """Make a plugin of a few notes; it is in the list at once.

        Raises:
            TimbresepError: no notes are found, or the name is taken.
        """
        from timbresep.voice.few_notes import NotesSettings, from_notes

        made = from_notes(
            notes,
            name,
            self.settings.plugins,
            self.registry(),
            NotesSettings(seconds=INSTRUMENT_SECONDS),
            report=lambda share, _: report(share),
        )
        return {"instrument": name, "notes": len(made.solo.notes)}

    def _opened(self, folder: Path, upload: Upload, wish: Wish, registry: Registry) -> Opened:
        separator, names = wish.separator, list(wish.instruments)
        if wish.preset is not None:
            ready = registry.separators.preset(wish.preset)
            names = names or ready.instruments
            if separator is None:
                separator = registry.separators.first_ready(ready.separators).name
        names = names or [ALL]
        if wish.quality not in QUALITIES:
            raise ConfigError(f"no quality '{wish.quality}'", f"one of {', '.join(QUALITIES)}")
        options = replace(DEFAULTS, device=self.settings.device, **QUALITIES[wish.quality])
        notes = [folder / name for name in upload.references]
        references = {upload.player: reference.from_files(notes)} if notes else {}
        how: dict[str, Any] = {
            "separator": separator,
            "options": options,
            "registry": registry,
            "reference": references,
        }
        if upload.score is not None:
            request = ScoreRequest(folder / upload.score)
            scored = open_with_score(request, folder / upload.recording, names, **how)
            return Opened(scored.separator, scored.separator.asked, everyone=False)
        if references:  # those are this recording's own
            model = open_separator(names, **how)
        else:
            instruments = tuple(item.name for item in registry.instruments())
            model = self._kept((separator, tuple(names), options, instruments), names, how)
        return Opened(model, model.asked, everyone=names == [ALL])

    def _kept(self, key: object, names: Sequence[str], how: Mapping[str, Any]) -> Separator:
        """A separator that stays open for the next jobs with the same key."""
        model = self._open.pop(key, None) or open_separator(names, **how)
        self._open[key] = model  # the last one
        while len(self._open) > KEPT_OPEN:
            self._open.popitem(last=False)
        return model


def _result(folder: Path, report: FileReport, name: str, tell: Report) -> Result:
    """What was written, and what players need of it."""
    notes = {each.name: each.notes for each in report.everyone}
    files = {MIXTURE: report.path, **{path.stem: path for path in report.outputs}}
    (folder / PLAYERS).mkdir(exist_ok=True)
    tracks: list[Track] = []
    sounds: dict[str, str] = {}
    loudest_of_all = 0.0
    for stem, path in files.items():
        heard = sound(stem, path)
        loudest_of_all = loudest_of_all or loudest([heard])  # of the mixture, which comes first
        sounds[stem] = f"{PLAYERS}/{stem}.mp3"
        (folder / sounds[stem]).write_bytes(heard.mp3)
        track = heard.track(loudest_of_all, notes.get(stem), muted=stem == MIXTURE)
        tracks.append(replace(track, src=f"{stem}.mp3"))
        tell(0.9 + 0.1 * len(tracks) / len(files))
    stems = {path.stem: path.relative_to(folder).as_posix() for path in report.outputs}
    return Result(report.path.name, name, stems, sounds, _told(report, name, tracks))


def _told(report: FileReport, name: str, tracks: Sequence[Track]) -> dict[str, Any]:
    return {
        "file": name,
        "seconds": report.duration,
        "stems": [path.stem for path in report.outputs],
        "stem_file": len(report.outputs) == STEMS and shutil.which("ffmpeg") is not None,
        "everyone": [
            {
                "name": each.name,
                "level": round(each.level, 1),
                "plays": each.plays,
                "notes": None if each.notes is None else len(each.notes.notes),
                "range": each.range,
            }
            for each in report.everyone
        ],
        "absent": dict(report.absent),
        "remarks": [note.replace(str(report.path), name) for note in report.notes],
        "tracks": [asdict(track) for track in tracks],
    }
