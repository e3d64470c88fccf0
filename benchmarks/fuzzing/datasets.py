"""Metadata of datasets: one track is mutated, and the other must still be found."""

from __future__ import annotations

import json
from pathlib import Path

import soundfile
import yaml

from benchmarks.fuzzing import documents, mutations
from benchmarks.fuzzing.recordings import wave
from benchmarks.fuzzing.target import Target, of_file
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.kinds import KINDS
from timbresep.data.sources.listing import Listing, list_tracks
from timbresep.data.sources.naming import Naming
from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.evaluation.estimates import Estimates


def dataset(scratch: Path, kind: str, name: str) -> Target:
    """A dataset of two tracks; the metadata of one are mutated, and the other must be found."""
    root = scratch / kind
    about: dict[str, dict[str, object]] = {
        "stems": {"piece": "a", "split": "train", "licence": "CC0", "sounds": {"violin": "x"}},
        "medleydb": {
            "stems": {"S01": {"filename": "v.wav", "instrument": "violin"}},
            "stem_dir": "A_Bad_STEMS",
            "mix_filename": "A_Bad_MIX.wav",
            "has_bleed": "no",
        },
        "moisesdb": {
            "song": "S",
            "artist": "A",
            "stems": [{"stemName": "s", "tracks": [{"id": "v", "trackType": "violin"}]}],
        },
        "slakh": {"UUID": "u", "stems": {"v": {"is_drum": False, "midi_program_name": "Violin"}}},
    }
    audio_of = {"stems": "", "medleydb": "A_Bad_STEMS", "moisesdb": "s", "slakh": "stems"}[kind]
    bad = root / Path(name).parent
    good = bad.with_name({"medleydb": "B_Good", "slakh": "Track00002"}.get(kind, "good"))
    for folder in (bad, good):
        place = folder / audio_of.replace("A_Bad", folder.name)
        place.mkdir(parents=True)
        soundfile.write(place / "v.wav", wave(), 8000)
        text = json.dumps(about[kind]).replace("A_Bad", folder.name)
        described = folder / Path(name).name.replace("A_Bad", folder.name)
        described.write_text(text if kind == "moisesdb" else yaml.safe_dump(json.loads(text)))
    seed = (root / name).read_bytes()
    mutate = mutations.json_text if kind == "moisesdb" else mutations.yaml_text

    def read(path: Path) -> None:
        _whole(_found(kind, root), good.name)

    return of_file(root / name, [seed], mutate, read)


LABELS = b"""start_time,end_time,instrument,note,start_beat,end_beat,note_value
0,400,41,60,0.0,1.0,Quarter
100,700,41,64,0.5,1.0,Eighth
"""
PIECES = b"""id,composer,composition,movement,ensemble,source,transcriber,catalog_name,seconds
1,Bach,Suite,I,Solo Cello,a,b,BWV,3
2,Ravel,Quartet,II,String Quartet,a,b,M35,3
"""


def musicnet(scratch: Path, name: str) -> Target:
    """MusicNet's tables of notes, and of pieces; there, no fault of theirs matters."""
    root = scratch / "musicnet"
    for folder in ("train_data", "train_labels"):
        (root / folder).mkdir(parents=True)
    for number in (1, 2):
        soundfile.write(root / f"train_data/{number}.wav", wave(), 8000)
        (root / f"train_labels/{number}.csv").write_bytes(LABELS)
    (root / "musicnet_metadata.csv").write_bytes(PIECES)

    def read(path: Path) -> None:
        _whole(_found("musicnet", root), "2")

    return of_file(root / name, [(root / name).read_bytes()], documents.csv_text, read)


def notes_of_a_track(scratch: Path) -> Target:
    """`notes.mid` beside a mixture."""
    root = scratch / "scored"
    for name in ("bad", "good"):
        (root / name).mkdir(parents=True)
        soundfile.write(root / name / "mixture.wav", wave(), 8000)
        (root / name / "notes.mid").write_bytes(NOTES)

    def read(path: Path) -> None:
        _whole(_found("stems", root), "good")

    return of_file(root / "bad" / "notes.mid", [NOTES], documents.midi, read)


NOTES = (
    b"MThd\x00\x00\x00\x06\x00\x01\x00\x02\x01\xf4"
    b"MTrk\x00\x00\x00\x0b\x00\xff\x51\x03\x07\xa1\x20\x00\xff\x2f\x00"
    b"MTrk\x00\x00\x00\x17\x00\xff\x03\x06violin\x00\x90\x40\x50\x83\x74\x80\x40\x00\x00\xff\x2f\x00"
)


def estimates(scratch: Path) -> Target:
    """Stems that another system has made: their names and headers."""
    stem, folder = scratch / "true.wav", scratch / "theirs" / "a"
    folder.mkdir(parents=True)
    soundfile.write(stem, wave(), 8000)
    track = Track("a", "a", "", "", {"violin": stem}, 800, 8000, "test")
    system = Estimates("theirs", scratch / "theirs")

    def read(path: Path) -> None:
        system.stems(track, Naming({"violin": "violin"}))

    return of_file(folder / "violin.wav", [stem.read_bytes()], mutations.raw, read)


def _found(kind: str, root: Path) -> Listing:
    return list_tracks("fuzz", KINDS[kind], Location(root, Naming({"violin": "violin"})))


def _whole(found: Listing, other: str) -> None:
    """The other track is found; a problem of the mutated one is an error."""
    if not any(other in track.raw.name for track in found.tracks):
        raise ValueError("the other track is not found")
    if len(found.tracks) < 2:
        raise DataError(str(found.problems))
