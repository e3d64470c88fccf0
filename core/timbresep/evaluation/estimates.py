"""Stems that another system has made of the same tracks, scored beside ours.

FOLDER/[train|valid|test/]<track>/<instrument or alias>.(wav|flac|ogg)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from timbresep import audio
from timbresep.audio.writer import Wave
from timbresep.data.sources.naming import Naming
from timbresep.data.track import SUFFIXES, Split, Track
from timbresep.errors import ConfigError, DataError
from timbresep.evaluation.bss_sources import BssSources
from timbresep.evaluation.result import METHODS, Row, TrackScores
from timbresep.evaluation.stem_stream import StemStream
from timbresep.metrics import Moments
from timbresep.streaming import MAX_CHANNELS


@dataclass(frozen=True)
class Estimates:
    """Another system's stems.

    Attributes:
        name: what the tables call the system.
        folder: the folders of its tracks, side by side or by the sides of a split.
    """

    name: str
    folder: Path

    @classmethod
    def parsed(cls, text: str) -> Estimates:
        """Read ``[NAME=]FOLDER``; without a name, the system is called like its folder.

        Raises:
            ConfigError: it has no name, or that of a row which the tables have anyway.
            DataError: there is no such folder.
        """
        name, sign, folder = text.partition("=")
        if not sign or Path(text).is_dir():
            name, folder = Path(text).resolve().name, text
        if not name or name in (*METHODS, "..") or name != Path(name).name:
            raise ConfigError(
                f"--estimates {text}: a system cannot be called '{name}'", "write NAME=FOLDER"
            )
        if not Path(folder).is_dir():
            raise DataError(
                f"--estimates {text}: no folder {folder}",
                "give the folder in which each track has a folder of stems",
            )
        return cls(name, Path(folder))

    def stems(self, track: Track, naming: Naming) -> dict[str, Path]:
        """The files of a track's stems, by the names that the track has for them.

        Args:
            track: the files to compare with.
            naming: what files may be called besides.

        Raises:
            DataError: two files of one stem, or one that does not have the track's length and rate.
            AudioError: one cannot be read.
        """
        found: dict[str, list[Path]] = {}
        for path in sorted(self._files(track)):
            name = path.stem if path.stem in track.stems else naming(path.stem)
            if name in track.stems:
                found.setdefault(name, []).append(path)
        return {name: self._checked(track, name, paths) for name, paths in found.items()}

    def _files(self, track: Track) -> list[Path]:
        """The audio in the first folder that has the track's name, which must lie in ours."""
        if track.name != Path(track.name).name:
            return []
        sides = [self.folder / side for side in (track.split, *get_args(Split))]
        for folder in (self.folder / track.name, *(side / track.name for side in sides)):
            if folder.is_dir():
                return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
        return []

    def _checked(self, track: Track, name: str, paths: Sequence[Path]) -> Path:
        named = [path for path in paths if path.stem == name] or paths
        if len(named) > 1:
            raise DataError(
                f"{self.name}: {' and '.join(map(str, named))} are both '{name}'", "keep one"
            )
        about = audio.info(named[0])
        if (about.frames, about.rate) != (track.frames, track.rate):
            raise DataError(
                f"{named[0]}: {about.frames} samples at {about.rate} Hz, but track '{track.name}' "
                f"has {track.frames} at {track.rate} Hz",
                "let the system separate the track's own mixture, and write WAV at its rate",
            )
        if about.channels > MAX_CHANNELS:
            raise DataError(f"{named[0]} has {about.channels} channels", "give mono or stereo")
        return named[0]


def check(systems: Sequence[Estimates], tracks: Sequence[Track], naming: Naming) -> None:
    """Look at all stems of all systems before hours of separating.

    Raises:
        ConfigError: two systems of one name.
        DataError: a system has no stem of these tracks; or as `Estimates.stems`.
        AudioError: a stem cannot be read.
    """
    for place, system in enumerate(systems):
        if system.name in [other.name for other in systems[:place]]:
            raise ConfigError(
                f"two systems are called '{system.name}'", "name one: --estimates NAME=FOLDER"
            )
        stems = [system.stems(track, naming) for track in tracks]
        if not any(stems):
            raise DataError(
                f"{system.folder} has no stem of these tracks",
                f"expected {system.folder}/{tracks[0].name}/{next(iter(tracks[0].stems))}.wav",
            )


def add_scores(
    found: TrackScores, track: Track, systems: Sequence[Estimates], naming: Naming
) -> None:
    """Add each system's rows to the scores of a track: of the stems that it has and we scored.

    Args:
        found: the scores of the track; stems that a system lacks become remarks.
        track: its files.
        systems: the other systems.
        naming: what their files may be called.

    Raises:
        DataError, AudioError: as `Estimates.stems`.
    """
    mixtures = [row for row in found.rows if row.method == "mixture"]
    for system in systems:
        stems = system.stems(track, naming)
        found.rows += [
            _row(base, system.name, track.stems[base.instrument], stems[base.instrument])
            for base in mixtures
            if base.instrument in stems
        ]
        if lacking := _without([row.instrument for row in mixtures], stems):
            found.notes.append(f"{system.name} has no {', '.join(lacking)}")


def add_bss(
    found: TrackScores, track: Track, systems: Sequence[Estimates], naming: Naming
) -> dict[str, str]:
    """Add BSSEval of each system's stems to the scores of a track; arguments as `add_scores`.

    The sources are the instruments that the system has and we scored, and what accompanies them:
    the system's own stem if that is a single one, and else what its stems leave of the mixture.

    Returns:
        Museval's files, by the folder that each is for.

    Raises:
        DataError, AudioError: as `Estimates.stems`, or museval cannot measure them.
        MissingToolError: museval is not installed.
    """
    played = [row.instrument for row in found.rows if row.method == "mixture"]
    files: dict[str, str] = {}
    for system in systems:
        stems = system.stems(track, naming)
        if names := [name for name in played if name in stems]:
            sources = BssSources.of(StemStream(track, names), track.rate, names)
            wanted = [name for name in sources.references if name in stems]
            made = {name: _whole(stems[name], sources.mixture.shape[0]) for name in wanted}
            files |= sources.measure(system.name, made, found)
    return files


def _whole(path: Path, channels: int) -> Wave:
    """A file (channels, samples) in memory; a mono one among stereo ones sits in the centre."""
    wave, _ = audio.read(path)
    return np.broadcast_to(wave, (max(channels, len(wave)), wave.shape[1]))


def _without(names: Sequence[str], those: Collection[str]) -> list[str]:
    return [name for name in names if name not in those]


def _row(base: Row, system: str, reference: Path, estimate: Path) -> Row:
    """The score of one file against another, and its improvement over the mixture's row."""
    moments = Moments(1, 1)
    for true, made in zip(audio.read_blocks(reference), audio.read_blocks(estimate), strict=True):
        shape = max(len(true), len(made)), true.shape[1]
        moments.add(np.broadcast_to(true, shape)[None], np.broadcast_to(made, shape)[None])
    sdr, si_sdr = float(moments.sdr()[0, 0]), float(moments.si_sdr()[0, 0])
    gain = None if base.si_sdr is None else si_sdr - base.si_sdr
    return Row(base.track, base.instrument, system, sdr, si_sdr, sdr - base.sdr, gain)
