"""Source `stems`: a folder of tracks, each a folder of stem files named by instrument.

`<root>/<track>/<instrument>.(flac|wav|ogg)`, with an optional `<root>/<track>/track.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core import audio
from core.config import Model, load_yaml
from core.data.track import SUFFIXES, Split, Track, split_of
from core.errors import DataError
from core.instrument import plain

MIXTURES = ("mixture", "mix")
NOT_STEMS = (*MIXTURES, "residual")


class TrackFile(Model):
    """`track.yaml`: what is known of a track. Everything may be left out.

    Attributes:
        piece: the piece of music; tracks of one piece are on one side of the split.
        split: the side, when it is not to follow from the piece.
        sound_source: soundfont, recording or collection.
        licence: terms of the audio.
        sounds: notes on single stems (for example soundfont and program).
    """

    piece: str = ""
    split: Split | None = None
    sound_source: str = ""
    licence: str = ""
    sounds: dict[str, str] = {}


@dataclass(frozen=True)
class StemsSource:
    """A folder of multitracks.

    Attributes:
        root: the folder of tracks.
        aliases: other stem names → instrument name. A stem that is neither an instrument nor an
            alias keeps its own name and serves as accompaniment.
        licence: terms of the audio where a track states none.
        split_seed: seed of the split by piece.
    """

    root: Path
    aliases: Mapping[str, str] = field(default_factory=dict)
    licence: str = "unknown"
    split_seed: int = 0

    def tracks(self) -> list[Track]:
        """All tracks, in the order of their names.

        Raises:
            DataError: no folder or no track in it; a track whose stems differ in length or rate,
                or two of whose stems are the same instrument (the files are named).
            AudioError: a stem is not readable audio.
            ConfigError: a `track.yaml` is not valid.
        """
        tracks = [track for folder in self.folders() if (track := self.track(folder)) is not None]
        if not tracks:
            raise DataError(
                f"{self.root}: no track in it",
                "expected <folder>/<track>/<instrument>.wav, .flac or .ogg",
            )
        return tracks

    def folders(self) -> list[Path]:
        """The folders that may be tracks, in the order of their names.

        Raises:
            DataError: there is no root.
        """
        if not self.root.is_dir():
            raise DataError(
                f"{self.root}: no such folder of tracks",
                "expected <folder>/<track>/<instrument>.wav, .flac or .ogg",
            )
        return sorted(p for p in self.root.iterdir() if p.is_dir() and p.name[0] != ".")

    def track(self, folder: Path) -> Track | None:
        """The track in a folder, None if the folder has no stems; errors as `tracks`."""
        audios = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
        audios = [p for p in audios if p.name[0] != "."]
        files = [p for p in audios if p.stem.lower() not in NOT_STEMS]
        if not files:
            return None
        stems: dict[str, Path] = {}
        for path in files:
            name = self.instrument_of(path.stem)
            if name in stems:
                raise DataError(
                    f"{folder}: {stems[name].name} and {path.name} are both '{name}'",
                    "mix them into one file, or rename one",
                )
            stems[name] = path
        first = audio.info(files[0])
        for path in files[1:]:
            other = audio.info(path)
            if (other.frames, other.rate) != (first.frames, first.rate):
                raise DataError(
                    f"{path}: {other.frames} samples at {other.rate} Hz, but {files[0].name} "
                    f"has {first.frames} at {first.rate} Hz",
                    "the stems of a track need one length and one rate",
                )
        about_file = folder / "track.yaml"
        about = load_yaml(about_file, TrackFile) if about_file.is_file() else TrackFile()
        piece = about.piece or folder.name
        return Track(
            name=folder.name,
            piece=piece,
            sound_source=about.sound_source or self.root.name,
            licence=about.licence or self.licence,
            stems=stems,
            frames=first.frames,
            rate=first.rate,
            split=about.split or split_of(piece, self.split_seed),
            mixture=next((p for p in audios if p.stem.lower() in MIXTURES), None),
        )

    def instrument_of(self, stem: str) -> str:
        """The instrument a stem's file name stands for: by name or alias, whatever the case and
        with spaces and hyphens as underscores; otherwise the name itself."""
        name = plain(stem)
        return {plain(alias): target for alias, target in self.aliases.items()}.get(name, name)
