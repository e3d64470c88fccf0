"""Recorded notes of free collections, sorted into folders that `data render --samples` plays.

    python benchmarks/make_recordings.py CLONES OUT

CLONES holds git clones, with a work tree or without, in folders named owner+name:

- skratchdot+philharmonia-samples and alpsark+PYTHON-NN-with-Philharmonia-Orchestra-datasets:
  players of the Philharmonia Orchestra ("free to use as you wish"; not to be passed on as samples);
- nyanshell+nyanshell.strat: an electric guitar's strings, without amplifier (MIT);
- Tonejs+audio: the Berklee voices and Salamander's grand piano (both CC BY 3.0);
- vocobox+human-voice-dataset: a man's voice (MIT);
- smpldsnds+archiveorg-mellotron: a Mellotron's tapes, whose terms are not known: `tapes`, to choose
  weights by and never to train on.

OUT gets two bands, `first` and `second`, with a folder for each instrument, and `strangers`,
players that no plugin is for. The bands share the recordings of piano and guitars and a few very
long notes; the second band's electric guitar is driven through a soft clipper and a low pass, which
is what an amplifier mostly does.

Recordings are cut at their onset and levelled (louder layers stay louder). What does not have the
pitch of its name, is silent or too short, or cannot be read, is left out: the collections have
some of each.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
import soxr
from git_clone import git_files, git_show

from core.data.samples import midi_of
from core.ddsp.pitch import track

Wave = npt.NDArray[np.float32]

RATE = 44_100
LEVEL_DB = -24.0
"""RMS of the loudest 100 ms of the softest layer; each layer above it is LAYER_DB louder."""
LAYER_DB = 2.5
ONSET_DB = -40.0
WRONG_CENTS = 80.0
DRIVE_DB = 26.0
CABINET_HZ = 4500.0

PHILHARMONIA = "skratchdot+philharmonia-samples", "audio/"
STRINGS = "alpsark+PYTHON-NN-with-Philharmonia-Orchestra-datasets", ""
STRAT = "nyanshell+nyanshell.strat", "samples/"
TONE_JS = "Tonejs+audio", ""
TAPES = "smpldsnds+archiveorg-mellotron"
MARTIN = "vocobox+human-voice-dataset", "data/voices/martin/notes/exports/mono/"

PLAYERS = {
    "violin": (STRINGS, "violin"),
    "trumpet": (STRINGS, "trumpet"),
    "cello": (PHILHARMONIA, "cello"),
    "double_bass": (PHILHARMONIA, "double bass"),
    "clarinet": (PHILHARMONIA, "clarinet"),
    "flute": (PHILHARMONIA, "flute"),
    "saxophone": (PHILHARMONIA, "saxophone"),
    "acoustic_guitar": (PHILHARMONIA, "guitar"),
}
STRANGERS = {
    "viola": (STRINGS, "viola"),
    "oboe": (PHILHARMONIA, "oboe"),
    "bassoon": (PHILHARMONIA, "bassoon"),
    "english_horn": (PHILHARMONIA, "cor anglais"),
    "french_horn": (PHILHARMONIA, "french horn"),
    "trombone": (PHILHARMONIA, "trombone"),
    "bass_clarinet": (PHILHARMONIA, "bass clarinet"),
    "contrabassoon": (PHILHARMONIA, "contrabassoon"),
    "banjo": (PHILHARMONIA, "banjo"),
    "mandolin": (PHILHARMONIA, "mandolin"),
}
TAPED = {
    "violin": ("MKII VIOLINS", 24),
    "cello": ("CHMBLN CELLO", 12),
    "flute": ("CHMBLN FLUTE", 24),
    "clarinet": ("CHM CLARINET", 12),
    "saxophone": ("CHMB ALTOSAX", 24),
    "trumpet": ("CHMB TRUMPET", 24),
}
"""Folders of tapes, and how many semitones higher than its name a tape sounds."""
LENGTHS = {"first": ("15", "long", "very-long"), "second": ("1", "very-long")}
"""Of Philharmonia's recordings, as their names say it: 1.5 s, 1 s and so on."""
DYNAMICS = ["pianissimo", "piano", "mezzo-piano", "mezzo-forte", "forte", "fortissimo"]
SHARPS = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
MIDDLE_C = 60


@dataclass(frozen=True)
class Note:
    """A recording: where it is, what it plays, and how loud (0: softest)."""

    clone: str
    path: str
    midi: int
    layer: int


@cache
def paths(root: Path, clone: str) -> tuple[str, ...]:
    """All files of a clone."""
    return tuple(git_files(root / clone))


def philharmonia(root: Path, where: tuple[str, str], folder: str, band: str) -> Iterator[Note]:
    """Plain notes of a player, in the lengths of a band."""
    clone, above = where
    for path in paths(root, clone):
        parts = Path(path).stem.split("_")
        if not path.startswith(f"{above}{folder}/") or len(parts) != 5:
            continue
        _, name, length, dynamic, manner = parts
        plain = manner in ("normal", "arco-normal")
        if plain and length in LENGTHS[band] and dynamic in DYNAMICS:
            yield Note(clone, path, midi_of(name), DYNAMICS.index(dynamic))


def strat(root: Path) -> Iterator[Note]:
    """The electric guitar: layers are takes, each note on its lowest fret."""
    clone, above = STRAT
    order = ("e4", "b", "g", "d", "a", "e2")  # a note on a higher string is nearer the nut
    found: dict[tuple[int, int], tuple[int, str]] = {}
    for path in paths(root, clone):
        match = re.fullmatch(rf"{above}(\w+)_mp/\w+?_(\w+)_mp_(\d)\.wav", path)
        if match:
            key = midi_of(match[2]), int(match[3])
            found[key] = min(found.get(key, (9, "")), (order.index(match[1]), path))
    for (midi, take), (_, path) in found.items():
        yield Note(clone, path, midi, take + 1)


def piano(root: Path) -> Iterator[Note]:
    """Salamander's grand piano, one layer."""
    clone, _ = TONE_JS
    for path in paths(root, clone):
        if match := re.fullmatch(r"salamander/(\w+)\.mp3", path):
            yield Note(clone, path, midi_of(match[1]), 3)


def berklee(root: Path, men: str, women: str) -> Iterator[Note]:
    """Voices on two vowels, `aa` louder than `oo`: men below middle C, women from there on."""
    clone, _ = TONE_JS
    for path in paths(root, clone):
        match = re.fullmatch(rf"berklee/({men}|{women})_(aa|oo)2?_([A-G][#b]?\d)\.mp3", path)
        if match and (match[1] == men) == (midi_of(match[3]) < MIDDLE_C):
            yield Note(clone, path, midi_of(match[3]), 4 if match[2] == "aa" else 3)


def martin(root: Path) -> Iterator[Note]:
    """A man's voice, all takes of notes below middle C as layers of like loudness."""
    clone, above = MARTIN
    for path in paths(root, clone):
        match = re.fullmatch(rf"{re.escape(above)}([A-G]#?\d)(?:-(\d))?\.wav", path)
        if match and midi_of(match[1]) < MIDDLE_C:
            yield Note(clone, path, midi_of(match[1]), 3)


def tapes(root: Path, folder: str, shift: int) -> Iterator[Note]:
    """One of the Mellotron's tape sets, one layer."""
    for path in paths(root, TAPES):
        if match := re.fullmatch(rf"{folder}/([A-G]#?\d)[^/]*\.ogg", path):
            yield Note(TAPES, path, midi_of(match[1]) + shift, 3)


def band(root: Path, name: str) -> dict[str, list[Note]]:
    """All players of a band."""
    players = {player: list(philharmonia(root, *where, name)) for player, where in PLAYERS.items()}
    players["electric_guitar"] = list(strat(root))
    players["piano"] = list(piano(root))
    if name == "first":
        players["vocals"] = list(berklee(root, "malevoice", "femalevoice"))
    else:
        choir = berklee(root, "malevoices", "femalevoices")
        players["vocals"] = [*martin(root), *(note for note in choir if note.midi >= MIDDLE_C)]
    return players


def heard(root: Path, note: Note, driven: bool) -> Wave | None:
    """A recording, cut and levelled, (samples,) at 44.1 kHz; None where it cannot serve."""
    data = io.BytesIO(git_show(root / note.clone, note.path))
    try:
        stereo, rate = soundfile.read(data, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    wave = stereo.mean(axis=1)
    if driven:
        wave = amplified(wave, rate)
    level = np.abs(wave)
    above = np.flatnonzero(level > level.max() * 10 ** (ONSET_DB / 20))
    if not level.max() or len(wave) < rate // 5:
        return None
    wave = soxr.resample(wave[max(0, above[0] - rate // 200) :], rate, RATE)
    fade = np.linspace(0, 1, RATE // 200)
    wave[: len(fade)] *= fade
    wave[-len(fade) :] *= fade[::-1]
    if abs(cents_off(wave, note.midi)) > WRONG_CENTS:
        return None
    power = np.convolve(wave**2, np.full(RATE // 10, 10 / RATE), "valid").max()
    wanted = 10 ** ((LEVEL_DB + LAYER_DB * note.layer) / 20)
    return np.asarray(wave * wanted / np.sqrt(power), dtype=np.float32)


def amplified(wave: Wave, rate: int) -> Wave:
    """Soft clipping and the low pass of a loudspeaker."""
    clipped = np.tanh(wave / np.abs(wave).max() * 10 ** (DRIVE_DB / 20))
    sections = scipy.signal.butter(4, CABINET_HZ, fs=rate, output="sos")
    return np.asarray(scipy.signal.sosfilt(sections, clipped), dtype=np.float32)


def cents_off(wave: Wave, midi: int) -> float:
    """Median distance of what sounds from the note that it should be."""
    f0 = 440 * 2 ** ((midi - 69) / 12)
    sound = soxr.resample(wave[: 2 * RATE], RATE, 16_000).astype(np.float32)
    times = np.arange(0.1, max(0.15, len(sound) / 16_000 - 0.1), 0.02)
    pitch, sure = track(sound, (f0 / 2.2, f0 * 2.2), times)
    good = pitch[(sure > 0.5) & (pitch > 0)]
    return float(np.median(1200 * np.log2(good / f0))) if len(good) else float("inf")


def write(root: Path, folder: Path, notes: Iterable[Note], driven: bool = False) -> str:
    """Write a player's notes as FLAC; what there was, in a line."""
    folder.mkdir(parents=True, exist_ok=True)
    takes: set[str] = set()
    wrong = 0
    for note in notes:
        wave = heard(root, note, driven)
        if wave is None:
            wrong += 1
            continue
        name = f"{SHARPS[note.midi % 12]}{note.midi // 12 - 1}"
        # Takes of one loudness are layers as well, one above the other.
        layers = (f"{name}v{10 * (note.layer + 1) + take}" for take in count())
        take = next(layer for layer in layers if layer not in takes)
        takes.add(take)
        soundfile.write(folder / f"{take}.flac", wave, RATE, subtype="PCM_16")
    return f"{len(takes):4d} notes, {wrong} left out"


def main() -> None:
    """Write both bands, the strangers and the tapes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clones", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    jobs = [
        (options.out / name / player, notes, player == "electric_guitar" and name == "second")
        for name in LENGTHS
        for player, notes in band(options.clones, name).items()
    ]
    for player, where in STRANGERS.items():
        notes = list(philharmonia(options.clones, *where, "first"))
        jobs.append((options.out / "strangers" / player, notes, False))
    for player, (folder, shift) in TAPED.items():
        notes = list(tapes(options.clones, folder, shift))
        jobs.append((options.out / "tapes" / player, notes, False))
    with ProcessPoolExecutor() as pool:
        lines = [pool.submit(write, options.clones, *job) for job in jobs]
        for (folder, *_), line in zip(jobs, lines, strict=True):
            print(f"{folder.relative_to(options.out)!s:30} {line.result()}", flush=True)


if __name__ == "__main__":
    main()
