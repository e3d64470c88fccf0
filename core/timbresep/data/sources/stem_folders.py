"""Source `stems`: a folder of tracks, each a folder of stem files named by instrument.

`<root>/<track>/<instrument>.(flac|wav|ogg)`, with an optional `<root>/<track>/track.yaml`, and
optional notes in `<root>/<track>/notes.mid`, a MIDI track for each stem, named as it is. Beside a
mixture without stems they are the notes of all who play in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from timbresep.config import Model, load_yaml
from timbresep.data.sources.adapter import Kind, Location
from timbresep.data.sources.folders import audio_in, folders_in, may_be_read
from timbresep.data.sources.raw_track import Problem, RawTrack, collect
from timbresep.data.sources.recording import Recording
from timbresep.data.sources.scored import scored
from timbresep.data.track import Split, Written, split_of
from timbresep.errors import ConfigError, DataError
from timbresep.notes.midi import TRACK_NOTES
from timbresep.notes.reading import read

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


def find(location: Location) -> Iterator[RawTrack | Problem]:
    """Each folder that holds stems is a track."""
    for folder in folders_in(location.root):
        try:
            may_be_read(folder)
            if files := audio_in(folder):
                yield _track(folder, files, location)
        except (ConfigError, DataError) as error:
            yield Problem.of(folder.name, error)


def _track(folder: Path, files: list[Path], location: Location) -> RawTrack | Problem:
    """The track in a folder; errors where its `track.yaml` is not valid."""
    stems = [path for path in files if path.stem.lower() not in NOT_STEMS]
    mixture = next((path for path in files if path.stem.lower() in MIXTURES), None)
    notes = folder / TRACK_NOTES
    if not stems and not (mixture and notes.is_file()):
        return Problem(folder.name, "a mixture without stems", skipped=False)
    about_file = folder / "track.yaml"
    about = load_yaml(about_file, TrackFile) if about_file.is_file() else TrackFile()
    piece = about.piece or folder.name
    track = RawTrack(
        name=folder.name,
        piece=piece,
        split=about.split or split_of(piece),
        sound_source=about.sound_source or location.root.name,
        licence=about.licence or location.licence,
        stems=collect((location.naming(path.stem), Recording(path)) for path in stems),
        mixture=Recording(mixture) if mixture else None,
        by_chance=about.split is None,
        written=collect((location.naming(path.stem), Written(notes, path.stem)) for path in stems)
        if notes.is_file()
        else {},
    )
    return track if stems else scored(track, notes, read(notes), location)


KIND = Kind(
    name="stems",
    title="stem folders",
    layout="<folder>/<track>/<instrument>.wav, .flac or .ogg",
    matches=lambda location: any(audio_in(folder) for folder in folders_in(location.root)),
    find=find,
)
