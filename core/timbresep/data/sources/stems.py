"""A folder of stem folders as tracks, taken at its word: the first fault is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from timbresep.data.sources import stem_folders
from timbresep.data.sources.found import Naming, Place, folders_in
from timbresep.data.sources.listing import measure
from timbresep.data.sources.prepared import ready
from timbresep.data.track import Track
from timbresep.data.user_cache import default_cache
from timbresep.errors import DataError


@dataclass(frozen=True)
class StemsSource:
    """A folder of multitracks.

    Attributes:
        root: the folder of tracks.
        aliases: other stem names → instrument name. A stem that is neither an instrument nor an
            alias keeps its own name and serves as accompaniment.
        licence: terms of the audio where a track states none.
    """

    root: Path
    aliases: Mapping[str, str] = field(default_factory=dict)
    licence: str = "unknown"

    def tracks(self) -> list[Track]:
        """All tracks, in the order of their names.

        Raises:
            DataError: no folder or no track in it; a track whose stems differ in length or rate
                (the file is named).
            AudioError: a stem is not readable audio.
            ConfigError: a `track.yaml` is not valid.
        """
        tracks = [track for folder in self.folders() if (track := self.track(folder)) is not None]
        if not tracks:
            raise DataError(f"{self.root}: no track in it", f"expected {stem_folders.KIND.layout}")
        return tracks

    def folders(self) -> list[Path]:
        """The folders that may be tracks, in the order of their names.

        Raises:
            DataError: there is no root.
        """
        if not self.root.is_dir():
            raise DataError(
                f"{self.root}: no such folder of tracks", f"expected {stem_folders.KIND.layout}"
            )
        return folders_in(self.root)

    def track(self, folder: Path) -> Track | None:
        """The track in a folder, None if the folder has no stems; errors as `tracks`.

        Several stems of one instrument are summed, into the cache.
        """
        place = Place(self.root, Naming(self.aliases), self.licence)
        found = stem_folders.track_in(folder, place)
        return ready(measure(found), default_cache() / "prepared" / "stems") if found else None
