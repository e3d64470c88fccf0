"""Recorded notes of a sampled instrument, as the folders that `data render --samples` plays.

    python tools/recorded_notes.py MAP.sfz -o NOTES/<instrument>/<name> [--only REGEX]

MAP.sfz is the map of a sampled instrument: the file that names its recordings and their keys
(SFZ, https://sfzformat.com), as collections in git repositories have it. Every recording becomes
`C#4v2.flac`, mono at 44.1 kHz, that begins where it sounds and is as in tune as the map says. The
number counts recordings of one key, softest first; those of one loudness are layers too, so that
repeated notes differ. --only takes the recordings whose path the expression is found in: maps hold
noises and ways of playing that are not wanted. Releases are left out, and so are recordings whose
pitch a tracker hears more than half a semitone off the key. What the licence is stands in the
collection: read it, and give it to `data render --licence`.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from timbresep import audio
from timbresep.ddsp import pitch
from timbresep.errors import AudioError, DataError
from timbresep.units import hz_to_midi, midi_to_hz, note_to_midi, pitch_ratio

RATE = 44_100
LONGEST_S = 8.0
ONSET, LEAD_S = 0.05, 0.005  # a note begins where it reaches this part of its peak
HEADROOM = 0.9
CENTRE_S = (0.1, 1.0)  # of a note, where its pitch is measured
REACHES, IN_TUNE = (3, 30), 0.5  # semitones: how far off pitches are looked for, and may be
STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LEVELS = ("control", "global", "master", "group", "region")  # a header ends those right of it
_HEADER = re.compile(r"<(\w+)>")
_OPCODE = re.compile(r"(\w+)=(.*?)(?=\s+\w+=|\s*$)")
_DIRECTIVE = re.compile(r'#define\s+(\$\w+)\s+(\S+)|#include\s+"([^"]+)"')


@dataclass(frozen=True)
class Region:
    """A recording of a map.

    Attributes:
        file: the recording.
        midi: key that it has without being moved.
        velocity: the least that it is played at.
        cents: how much higher it is to be played.
    """

    file: Path
    midi: int
    velocity: int
    cents: float


def regions(file: Path) -> Iterator[Region]:
    """The recordings of a map in its order, without those of releases.

    Raises:
        DataError: the map leads out of its folder.
    """
    state: dict[str, dict[str, str]] = {level: {} for level in LEVELS}
    level = ""
    for line in _lines(file, file.parent, {}):
        for text in re.split(r"(?=<\w+>)", line):
            rest = text
            if header := _HEADER.match(text):
                if level == "region":
                    yield from _region(state, file.parent)
                level, rest = header[1], text[header.end() :]
                if level in LEVELS:
                    for lower in LEVELS[LEVELS.index(level) :]:
                        state[lower] = {} if lower != "control" or level == lower else state[lower]
            if level in LEVELS:
                state[level].update(_OPCODE.findall(rest))
    if level == "region":
        yield from _region(state, file.parent)


def _lines(file: Path, root: Path, names: dict[str, str]) -> Iterator[str]:
    """The lines of a map and of those that it includes, without comments, names replaced."""
    for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        text = line.split("//")[0].strip()
        for name in sorted(names, key=len, reverse=True):
            text = text if text.startswith("#define") else text.replace(name, names[name])
        if not (found := _DIRECTIVE.match(text)):
            yield text
        elif found[1]:
            names[found[1]] = found[2]
        else:
            yield from _lines(_inside(root, found[3]), root, names)


def _region(state: Mapping[str, Mapping[str, str]], root: Path) -> Iterator[Region]:
    """What the opcodes in force make: one recording, or none."""
    opcodes = {name: value for level in LEVELS for name, value in state[level].items()}
    if "sample" not in opcodes or opcodes.get("trigger", "attack") not in ("attack", "first"):
        return
    key = opcodes.get("pitch_keycenter") or opcodes.get("key") or "60"
    yield Region(
        _inside(root, opcodes.get("default_path", "") + opcodes["sample"]),
        int(key) if key.lstrip("-").isdigit() else note_to_midi(key.upper()),
        int(opcodes.get("lovel", 0)),
        float(opcodes.get("tune", 0)),
    )


def _inside(root: Path, name: str) -> Path:
    path = (root / name.replace("\\", "/")).resolve()
    if not path.is_relative_to(root.resolve().parent):
        raise DataError(f"{root}: '{name}' leads out of the collection")
    return path


def note_of(region: Region) -> np.ndarray:
    """The recording from where it sounds, in tune by the map: (1, samples) at 44.1 kHz."""
    wave, rate = audio.read(region.file)
    mono = wave.mean(axis=0, keepdims=True)[:, : round((LONGEST_S + 2) * rate)]
    loud = np.abs(mono[0])
    peak = float(loud.max(initial=1e-9))
    first = int(np.argmax(loud > ONSET * peak)) - round(LEAD_S * rate)
    tuned = round(rate * pitch_ratio(region.cents / 100))
    note = audio.resample(mono[:, max(0, first) :], tuned, RATE)[:, : round(LONGEST_S * RATE)]
    return HEADROOM / peak * note


def off_key(wave: np.ndarray, midi: int) -> float | None:
    """How many semitones a note (1, samples) is above its key; None where no pitch is heard.

    Where it is none near the key, octaves do not count: a tracker errs by them.
    """
    slow = audio.resample(wave, RATE, pitch.RATE)[0]
    for reach in REACHES:
        low, high = float(midi_to_hz(midi - reach)), float(midi_to_hz(midi + reach))
        try:
            f0, sure = pitch.track(slow, (low, high), np.arange(*CENTRE_S, 0.02))
        except AudioError:  # higher or lower than can be tracked
            continue
        heard = f0[(sure > 0.5) & (f0 > low) & (f0 < high)]
        if len(heard) > len(f0) / 2 or (len(heard) and reach == REACHES[0]):
            off = hz_to_midi(float(np.median(heard))) - midi
            return off if reach == REACHES[0] else off - 12 * round(off / 12)
    return None


def convert(file: Path, out: Path, only: str = "") -> tuple[list[float | None], list[str]]:
    """Write the notes of a map.

    Returns:
        by how many semitones each is off its key, where heard; and what was left out.
    """
    layers: dict[int, list[Region]] = defaultdict(list)
    for region in regions(file):
        known = region.file in {other.file for other in layers[region.midi]}
        if re.search(only, region.file.as_posix()) and region.file.is_file() and not known:
            layers[region.midi].append(region)
    kept: list[float | None] = []
    left: list[str] = []
    for midi, found in track(sorted(layers.items()), "notes", transient=True):
        number = 0
        for region in sorted(found, key=lambda region: region.velocity):
            wave = note_of(region)
            off = off_key(wave, midi)
            if off is not None and abs(off) > IN_TUNE:
                left.append(f"{region.file.name} {off:+.2f}")
                continue
            kept.append(off)
            number += 1
            name = f"{STEPS[midi % 12]}{midi // 12 - 1}v{number}.flac"
            audio.write(out / name, wave, RATE, "PCM_16", overwrite=True)
    return kept, left


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("map", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    kept, left = convert(given.map, given.out, given.only)
    cents = [100 * abs(off) for off in kept if off is not None]
    heard = f"median {np.median(cents or [0]):.0f} cents off, at most {max(cents, default=0):.0f}"
    say = partial(Console().print, soft_wrap=True)
    say(f"{given.out}: {len(kept)} notes; {len(cents)} with a pitch that is heard, {heard}")
    say(f"left out: {', '.join(left) or 'none'}")


if __name__ == "__main__":
    main()
