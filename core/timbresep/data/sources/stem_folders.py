"""Source `stems`: a folder of tracks, each a folder of stem files named by instrument.

`<root>/<track>/<instrument>.(flac|wav|ogg)`, with an optional `<root>/<track>/track.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from timbresep.config import Model, load_yaml
from timbresep.data.sources.found import (
    Found,
    Kind,
    Part,
    Place,
    Problem,
    audio_in,
    collect,
    folders_in,
    may_be_read,
)
from timbresep.data.track import Split, split_of
from timbresep.errors import ConfigError, DataError

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


def find(place: Place) -> Iterator[Found | Problem]:
    """Each folder that holds stems is a track."""
    for folder in folders_in(place.root):
        try:
            found = track_in(folder, place)
        except (ConfigError, DataError) as error:
            yield Problem(str(folder), str(error))
            continue
        if found is not None:
            yield found


def track_in(folder: Path, place: Place) -> Found | None:
    """The track in a folder; None when it holds no stems.

    Raises:
        ConfigError: a `track.yaml` that is not valid.
        DataError: the folder may not be read.
    """
    may_be_read(folder)
    files = audio_in(folder)
    stems = [path for path in files if path.stem.lower() not in NOT_STEMS]
    if not stems:
        return None
    about_file = folder / "track.yaml"
    about = load_yaml(about_file, TrackFile) if about_file.is_file() else TrackFile()
    piece = about.piece or folder.name
    mixture = next((path for path in files if path.stem.lower() in MIXTURES), None)
    return Found(
        name=folder.name,
        piece=piece,
        split=about.split or split_of(piece),
        sound_source=about.sound_source or place.root.name,
        licence=about.licence or place.licence,
        stems=collect((place.naming(path.stem), Part(path)) for path in stems),
        mixture=Part(mixture) if mixture else None,
        by_chance=about.split is None,
    )


KIND = Kind(
    name="stems",
    title="stem folders",
    layout="<folder>/<track>/<instrument>.wav, .flac or .ogg",
    matches=lambda place: any(audio_in(folder) for folder in folders_in(place.root)),
    find=find,
)
