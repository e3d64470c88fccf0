"""Source `slakh`: Slakh2100, `<root>/[train|validation|test/]Track01876/stems/S00.flac`.

`metadata.yaml` beside them says what each stem is: `midi_program_name` is its label, or `Drums`.
Copies as WAV, such as BabySlakh, are read too. Tracks that the redux split put in `omitted` are
left out; without folders for the sides, they follow from the number of the track. The notes of
stem `S00` are in `MIDI/S00.mid`.

E. Manilow et al., "Cutting Music Source Separation Some Slakh", 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from timbresep.config import load_yaml
from timbresep.data.sources.adapter import Kind, LenientModel, Location
from timbresep.data.sources.folders import beneath
from timbresep.data.sources.raw_track import Problem, RawTrack, collect, incomplete
from timbresep.data.sources.recording import Recording
from timbresep.data.track import Split, Written
from timbresep.errors import ConfigError, DataError

SIDES: dict[str, Split] = {"train": "train", "validation": "valid", "test": "test"}
LAST = {"train": 1500, "valid": 1875}  # numbers of the original split's last tracks
DRUMS = "Drums"


class Stem(LenientModel):
    """A stem in the metadata; a few were never rendered."""

    audio_rendered: bool = True
    is_drum: bool = False
    midi_program_name: str = "unknown"


class Metadata(LenientModel):
    """The keys of `metadata.yaml` that matter here."""

    UUID: str
    stems: dict[str, Stem]


def find(location: Location) -> Iterator[RawTrack | Problem]:
    """The tracks whose rendered stems are all there."""
    for path in _metadata_files(location.root):
        if path.parents[1].name == "omitted":
            continue
        try:
            found = _track(path.parent, load_yaml(path, Metadata), location)
        except (ConfigError, DataError) as error:
            found = Problem(path.parent.name, str(error))
        yield found


def _track(folder: Path, about: Metadata, location: Location) -> RawTrack | Problem:
    stems = {
        _file(folder / "stems", name): DRUMS if stem.is_drum else stem.midi_program_name
        for name, stem in sorted(about.stems.items())
        if stem.audio_rendered
    }
    if problem := incomplete(folder.name, stems):
        return problem
    mixture = _file(folder, "mix")
    return RawTrack(
        name=folder.name,
        piece=about.UUID,
        split=_split(folder),
        sound_source="Slakh2100",
        licence=location.licence,
        stems=collect((location.naming(label), Recording(path)) for path, label in stems.items()),
        written=_written(folder / "MIDI", {p: location.naming(n) for p, n in stems.items()}),
        mixture=Recording(mixture) if mixture.is_file() else None,
    )


def _written(folder: Path, stems: Mapping[Path, str]) -> dict[str, tuple[Written, ...]]:
    """Where the notes are, of the instruments all of whose stems have them; `stems`: file →
    instrument."""
    files = {path: beneath(folder, f"{path.stem}.mid") for path in stems}
    lacking = {stems[path] for path, notes in files.items() if not notes.is_file()}
    found = collect((name, Written(files[path])) for path, name in stems.items())
    return {name: notes for name, notes in found.items() if name not in lacking}


def _file(folder: Path, name: str) -> Path:
    wav = beneath(folder, f"{name}.wav")
    return wav if wav.is_file() else beneath(folder, f"{name}.flac")


def _split(folder: Path) -> Split:
    if folder.parent.name in SIDES:
        return SIDES[folder.parent.name]
    number = int("".join(c for c in folder.name if c.isdecimal()) or 0)
    if number <= LAST["train"]:
        return "train"
    return "valid" if number <= LAST["valid"] else "test"


def _metadata_files(root: Path) -> list[Path]:
    return sorted({*root.glob("Track*/metadata.yaml"), *root.glob("*/Track*/metadata.yaml")})


KIND = Kind(
    name="slakh",
    title="Slakh2100",
    layout="<folder>/<train|validation|test>/Track00001/metadata.yaml and stems/S00.flac",
    matches=lambda location: bool(_metadata_files(location.root)),
    find=find,
    licence="CC BY 4.0",
    get="download it from https://www.slakh.com",
    sizes=(2100, 1710, 20),
)
