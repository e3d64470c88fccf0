"""Datasets as they lie on disk, small: the trees of their documentation with tones in them."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from timbresep import audio
from timbresep.data.sources import stem_folders
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.listing import list_tracks
from timbresep.data.sources.naming import Naming
from timbresep.data.sources.prepared import prepare
from timbresep.data.track import Track
from timbresep.data.user_cache import default_cache
from timbresep.notes import midi
from timbresep.notes.score import Note, StemNotes

RATE = 8_000


def tone(hz: float, seconds: float = 1.0, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """A sine at a tenth of full scale, (channels, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.1 * np.sin(2 * np.pi * hz * time)
    return np.tile(wave.astype(np.float32), (channels, 1))


def write(path: Path, wave: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, wave, rate, subtype, overwrite=True)


def needing_ffmpeg(package: str) -> Any:
    """A package that cannot be imported without ffmpeg; there, the test is skipped."""
    if shutil.which("ffmpeg") is None:
        pytest.skip(f"{package} needs ffmpeg")
    return importlib.import_module(package)


def musdb18(root: Path, *names: str, side: str = "train") -> None:
    """MUSDB18: copies of the real STEM file that the stempeg package brings."""
    example = needing_ffmpeg("stempeg").example_stem_path()
    for name in names:
        (root / side).mkdir(parents=True, exist_ok=True)
        shutil.copy(example, root / side / f"{name}.stem.mp4")


def musdb18_hq(root: Path, *names: str, side: str = "train", gain: float = 1.0) -> None:
    """MUSDB18-HQ; `gain` makes the mixture something else than the sum."""
    for k, name in enumerate(names):
        stems = {
            source: tone(110.0 * (n + 2) + k, rate=44_100, channels=2)
            for n, source in enumerate(("vocals", "drums", "bass", "other"))
        }
        for source, wave in stems.items():
            write(root / side / name / f"{source}.wav", wave, 44_100)
        total = np.sum(list(stems.values()), axis=0, dtype=np.float32)
        write(root / side / name / "mixture.wav", gain * total, 44_100)


def medleydb(
    root: Path, song: str, stems: Mapping[str, str], bleed: bool = False, apart: bool = False
) -> None:
    """MedleyDB: number of a stem → label. `apart`: metadata lie in a folder of their own."""
    folder = root / "Audio" / song
    total = np.zeros_like(tone(100.0, channels=2))
    rows = {}
    for number, label in stems.items():
        wave = tone(100.0 + 50 * int(number), channels=2)
        total += wave
        write(folder / f"{song}_STEMS" / f"{song}_STEM_{number}.wav", wave)
        write(folder / f"{song}_RAW" / f"{song}_RAW_{number}_01.wav", wave[:1])
        rows[f"S{number}"] = {
            "component": "",
            "filename": f"{song}_STEM_{number}.wav",
            "instrument": label,
            "raw": {"R01": {"filename": f"{song}_RAW_{number}_01.wav", "instrument": label}},
        }
    write(folder / f"{song}_MIX.wav", total)
    about = {
        "album": "",
        "artist": song.split("_")[0],
        "excerpt": "no",
        "has_bleed": "yes" if bleed else "no",
        "mix_filename": f"{song}_MIX.wav",
        "raw_dir": f"{song}_RAW",
        "stem_dir": f"{song}_STEMS",
        "stems": rows,
        "title": song.split("_")[1],
    }
    place = root / "Metadata" if apart else folder
    place.mkdir(exist_ok=True)
    (place / f"{song}_METADATA.yaml").write_text(yaml.safe_dump(about))


def moisesdb(
    root: Path, track: str, recordings: Mapping[tuple[str, str], float], bleed: bool = False
) -> None:
    """MoisesDB: (stem, source) → seconds of its one recording."""
    folder = root / "moisesdb_v0.1" / track
    stems: dict[str, list[dict[str, object]]] = {}
    for k, ((stem, source), seconds) in enumerate(recordings.items()):
        write(folder / stem / f"id-{k}.wav", tone(100.0 + 50 * k, seconds, channels=2))
        row = {"id": f"id-{k}", "trackType": source, "has_bleed": bleed, "extension": "wav"}
        stems.setdefault(stem, []).append(row)
    data = {
        "song": "Song",
        "artist": "Artist",
        "genre": "rock",
        "stems": [{"id": name, "stemName": name, "tracks": rows} for name, rows in stems.items()],
    }
    (folder / "data.json").write_text(json.dumps(data))


def slakh(root: Path, side: str, number: int, stems: Mapping[str, str], uuid: str = "") -> None:
    """Slakh2100: stem → MIDI program; one more stem was never rendered. Number k plays 60 + k."""
    folder = root / side / f"Track{number:05d}"
    total = np.zeros_like(tone(100.0))
    rows: dict[str, dict[str, object]] = {
        "S99": {"audio_rendered": False, "midi_program_name": "Applause", "is_drum": False}
    }
    for k, (stem, program) in enumerate(stems.items()):
        wave = tone(100.0 + 50 * k)
        total += wave
        write(folder / "stems" / f"{stem}.flac", wave)
        notes = StemNotes("", program, (Note(0.0, 0.5, 60 + k),), pitched=program != "Drums")
        midi.write(folder / "MIDI" / f"{stem}.mid", [notes])
        rows[stem] = {
            "audio_rendered": True,
            "inst_class": "any",
            "is_drum": program == "Drums",
            "midi_program_name": program,
            "program_num": k,
        }
    write(folder / "mix.flac", total)
    about = {"UUID": uuid or f"midi-{number}", "audio_dir": "stems", "stems": rows}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(about))


def musicnet(root: Path, side: str, number: int, programs: Mapping[int, int]) -> None:
    """MusicNet: General MIDI program, from 1 → pitch of its note in the first half second."""
    write(root / f"{side}_data" / f"{number}.wav", tone(200.0, rate=44_100), 44_100)
    rows = [
        f"0,22050,{program},{pitch},0.0,1.0,Quarter" for program, pitch in sorted(programs.items())
    ]
    head = "start_time,end_time,instrument,note,start_beat,end_beat,note_value"
    (root / f"{side}_labels").mkdir(exist_ok=True)
    (root / f"{side}_labels" / f"{number}.csv").write_text("\n".join([head, *rows, ""]))


def read_stems(
    root: Path, names: Mapping[str, str] | None = None, licence: str = "unknown"
) -> list[Track]:
    """All tracks in a folder of stem folders; the first fault is an error."""
    location = Location(root, Naming(names or {}), licence)
    listing = list_tracks("stems", stem_folders.KIND, location, strict=True)
    tracks = [] if listing.problems else prepare(listing, default_cache())
    for problem in listing.problems:
        raise problem.error
    return tracks
