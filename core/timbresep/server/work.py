"""What a job does: separate a recording, or make an instrument of a few notes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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
from timbresep.separation.batch import FileReport, separate_batch
from timbresep.separation.load import open_separator
from timbresep.separation.options import DEFAULTS, QUALITIES
from timbresep.separation.output import Output
from timbresep.separation.parts import Wanted
from timbresep.separation.scored import ScoreRequest, open_with_score
from timbresep.separation.separator import Separator
from timbresep.separation.streams import StreamSeparator
from timbresep.server.jobs import Job
from timbresep.server.settings import ServerSettings

MIXTURE = "mixture"
OUT = "stems"
PLAYERS = "players"

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
    """Files that a browser has sent, under names of ours.

    Attributes:
        recording: the file.
        name: what its owner calls it.
        score: of it, or None.
        references: instrument → files with notes of it.
    """

    recording: Path
    name: str
    score: Path | None = None
    references: Mapping[str, Sequence[Path]] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What became of a recording.

    Attributes:
        report: the files.
        name: what its owner calls the recording.
        tracks: of the players; `src` is the name of the file.
        sounds: name → MP3 file for the players.
    """

    report: FileReport
    name: str
    tracks: tuple[Track, ...]
    sounds: Mapping[str, Path]

    def file(self, name: str) -> Path | None:
        """A stem's file by name; None if there is none of that name."""
        return next((path for path in self.report.outputs if path.stem == name), None)


@dataclass(frozen=True)
class Opened:
    """A separator, the stems to write, and whether all are asked for."""

    model: StreamSeparator
    stems: Sequence[str]
    everyone: bool


class Desk:
    """Does jobs; the separator of the last one stays open for the next.

    Args:
        settings: limits and folders.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._open: tuple[object, Separator] | None = None

    def registry(self) -> Registry:
        """All plugins, with those that were made here; none of these runs code."""
        made = (self.settings.plugins,) if self.settings.plugins.is_dir() else ()
        return Registry.load((*self.settings.plugins_dirs, *made))

    def separate(self, job: Job, upload: Upload, wish: Wish) -> Result:
        """Separate a recording, and make what players need of its stems.

        Raises:
            TimbresepError: the recording is too long or unreadable, or a name is not known.
        """
        about = audio.info(upload.recording)
        if about.duration > self.settings.length:
            raise AudioError(
                f"the recording has {about.duration / 60:.0f} minutes, and "
                f"{self.settings.length / 60:.0f} are the most",
                "use the command line, which has no limit",
            )
        registry = self.registry()
        opened = self._opened(upload, wish, registry)
        output = Output(
            job.folder / OUT,
            "flac",
            wanted=Wanted(residual=True, keep_absent=not opened.everyone),
            listen=True,
        )
        batch = separate_batch(
            opened.model,
            [upload.recording],
            output,
            instruments=opened.stems,
            report=lambda _, share: job.report(0.9 * share),
        )
        if batch.failed:
            raise batch.failed[0][1]
        return self._result(job, batch.done[0], upload.name)

    def make_instrument(self, job: Job, name: str, notes: Sequence[Path]) -> dict[str, Any]:
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
            report=lambda share, _: job.report(share),
        )
        return {"instrument": name, "notes": len(made.solo.notes)}

    def _opened(self, upload: Upload, wish: Wish, registry: Registry) -> Opened:
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
        references = {n: reference.from_files(f) for n, f in upload.references.items()}
        how: dict[str, Any] = {
            "separator": separator,
            "options": options,
            "registry": registry,
            "reference": references,
        }
        if upload.score is not None:
            request = ScoreRequest(upload.score)
            scored = open_with_score(request, upload.recording, names, **how)
            return Opened(scored.separator, scored.separator.asked, everyone=False)
        key = (
            separator,
            tuple(names),
            options,
            tuple(item.name for item in registry.instruments()),
        )
        if references or self._open is None or self._open[0] != key:
            self._open = (None if references else key, open_separator(names, **how))
        model = self._open[1]
        return Opened(model, model.asked, everyone=names == [ALL])

    def _result(self, job: Job, report: FileReport, name: str) -> Result:
        """The players' side of what was written."""
        notes = {each.name: each.notes for each in report.everyone}
        files = {MIXTURE: report.path, **{path.stem: path for path in report.outputs}}
        players = job.folder / PLAYERS
        players.mkdir()
        tracks: list[Track] = []
        sounds: dict[str, Path] = {}
        loudest_of_all = 0.0
        for stem, path in files.items():
            heard = sound(stem, path)
            loudest_of_all = loudest_of_all or loudest([heard])  # of the mixture, which comes first
            sounds[stem] = players / f"{stem}.mp3"
            sounds[stem].write_bytes(heard.mp3)
            track = heard.track(loudest_of_all, notes.get(stem), muted=stem == MIXTURE)
            tracks.append(replace(track, src=f"{stem}.mp3"))
            job.report(0.9 + 0.1 * len(tracks) / len(files))
        return Result(report, name, tuple(tracks), sounds)


def described(result: Result) -> dict[str, Any]:
    """A result as JSON can hold it."""
    report = result.report
    return {
        "file": result.name,
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
        "remarks": [note.replace(str(report.path), result.name) for note in report.notes],
        "tracks": [asdict(track) for track in result.tracks],
    }
