"""Make the recordings and scores of the guide to scores.

    python tools/make_score_examples.py

writes `data/starter/demo/chorale.mxl`, the score of the demo, and to `examples/scores` a string
quartet and a song, each with its score, its mixture and its true stems; of the song, also the notes
of the piano alone. The tempo of the scores is even, that of the recordings is not. Needs what
`make_starter.py` needs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import mido
import numpy as np
import yaml
from numpy.typing import NDArray

import make_starter
from timbresep import audio
from timbresep.data import recipe as recipes
from timbresep.data.mixing.augmentation import pan_gains
from timbresep.data.recipe import Voice
from timbresep.data.rendering import scores
from timbresep.data.rendering.midi import PERCUSSION_CHANNEL, Control, Event, midi_file
from timbresep.data.rendering.percussion import GROOVES, strike
from timbresep.data.rendering.performance import perform
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.scores import Note, Part
from timbresep.data.rendering.waveform import RATE, normalise
from timbresep.data.user_cache import default_cache

ROOT = Path(__file__).resolve().parents[1]
LEAD_S, RING_S = 0.4, 1.2  # silence before the first note, sound after the last
FADE_S = 0.25
KEPT_RATE = 22_050  # Hz: small files
SHORTEST = 0.125  # a thirty-second note, in quarter notes
AS_WRITTEN = {"vocals": "Choir", "acoustic_guitar": "Guitar"}
TICKS = 480  # of a quarter note


@dataclass(frozen=True)
class Chair:
    """A player: its part as it is written, its program, how it plays (None: percussion), its place
    (−1 left to 1 right) and its level in dB."""

    name: str
    part: Part
    program: int
    voice: Voice | None
    place: float
    level_db: float


Tempo = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Quarter notes → seconds a quarter note."""


def main() -> None:
    """Parse the command line and make the examples."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "examples" / "scores")
    parser.add_argument("--demo", type=Path, default=make_starter.DEMO_FOLDER)
    parser.add_argument("--cache", type=Path, default=default_cache())
    given = parser.parse_args()
    write_notation(given.demo / "chorale.mxl", chorale(given.cache), quarters_a_minute=72, rest=3.0)
    strings = quartet()
    written = {chair.name: chair.part for chair in strings}
    write_notation(given.out / "quartet.mxl", written, quarters_a_minute=96)
    stems = dict(zip(("violin_1", "violin_2", "viola", "cello"), strings, strict=True))
    record(
        stems, rubato(0.62), given.out / "quartet", "Mozart, K. 155, first movement, bars 1–6", 0.3
    )
    band = song()
    write_midi(given.out / "song.mid", list(band.values()), quarters_a_minute=120)
    write_midi(given.out / "piano.mid", [band["piano"]], quarters_a_minute=120)
    record(band, rubato(0.58), given.out / "song", "written for this project", 0.4)


def rubato(quarter_s: float) -> Tempo:
    """A tempo that sways by 12 % and broadens at the end."""

    def tempo(quarters: NDArray[np.float64]) -> NDArray[np.float64]:
        end = quarters[-1]
        return quarter_s * (
            1
            + 0.12 * np.sin(2 * np.pi * quarters / 11)
            + 0.5 * np.clip(quarters - end + 3, 0, 3) / 3
        )

    return tempo


def chorale(cache: Path) -> dict[str, Part]:
    """What the demo's players have in front of them, by name."""
    score = make_starter.demo_score(scores.chorales(cache))
    written = {}
    for k, (name, role) in enumerate(make_starter.DEMO.items()):
        voice = recipes.load(make_starter.PLUGINS / name / "recipe.yaml").voice
        own = voice.model_copy(update={"range": role.register})
        part = make_starter.demo_part(score, role, own, np.random.default_rng([0, k]))
        written[AS_WRITTEN.get(name, name.title())] = part
    return written


def quartet() -> list[Chair]:
    """The beginning of a string quartet, from the corpus of music21."""
    from music21 import corpus

    parts = corpus.parse("mozart/k155/movement1").parts
    bowed = Voice(range=(0, 127))
    chairs = []
    for part, program, place in zip(parts, (40, 40, 41, 42), (-0.6, -0.2, 0.2, 0.6), strict=True):
        notes = [
            Note(float(at.offset), min(float(at.quarterLength), 24 - float(at.offset)), pitch.midi)
            for at in part.stripTies().flatten().notes
            for pitch in at.pitches
            if at.offset < 24 and at.quarterLength
        ]
        chairs.append(Chair(part.partName, tuple(notes), program, bowed, place, -21.0))
    return chairs


HARMONY = (
    "C E G",
    "G B D",
    "A C E",
    "F A C",
    "C E G",
    "G B D",
    "C E G",
)  # a chord a bar, low to high
TUNE = (  # beats and pitches of the voice, bar by bar
    "1 67 1 67 1 64 1 67", "2 71 1 69 1 67", "1 69 1 72 1 71 1 69", "3 65 1 67",
    "1 64 1 67 2 72", "1.5 71 .5 69 2 67", "4 72",
)  # fmt: skip
RIFF = "0 .5 1.5 2 2.5 3.5"  # where the piano's chords fall in a bar
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def song() -> dict[str, Chair]:
    """A song for a voice and a band, by stem."""
    chords = [[STEPS[step] for step in bar.split()] for bar in HARMONY]
    last = len(chords) - 1
    voice, piano, guitar, bass, drums = [], [], [], [], []
    for bar, (chord, tune) in enumerate(zip(chords, TUNE, strict=True)):
        now, root = 4.0 * bar, chord[0]
        words = [float(word) for word in tune.split()]
        for beats, pitch in zip(words[::2], words[1::2], strict=True):
            voice.append(Note(now, beats, int(pitch)))
            now += beats
        begin = 4.0 * bar
        hits = [0.0] if bar == last else [float(hit) for hit in RIFF.split()]
        for hit, until in zip(hits, [*hits[1:], 4.0], strict=True):
            piano += [Note(begin + hit, until - hit, 60 + step) for step in chord]
            piano.append(Note(begin + hit, until - hit, 36 + root))
        arpeggio = [52 + (step - 4) % 12 for step in chord]
        for k in range(1 if bar == last else 8):
            guitar.append(Note(begin + k / 2, 3.0 if bar == last else 1.0, arpeggio[k % 3]))
        for k in range(1 if bar == last else 4):
            low = 28 + (root + 8 + (7 if k == 2 else 0)) % 12
            bass.append(Note(begin + k, 4.0 if bar == last else 0.9, low))
        for key, line in GROOVES[0].lines.items():
            struck = [step for step, mark in enumerate(line) if mark in "Xx"]
            drums += [
                Note(begin + step / 4, 0.25, key, 88) for step in struck[: 1 if bar == last else 16]
            ]
    held, plucked = Voice(range=(0, 127)), Voice(range=(0, 127), polyphonic=True, sustained=False)
    return {
        "vocals": Chair("Voice", tuple(voice), 52, held, 0.0, -19.0),
        "piano": Chair("Piano", tuple(piano), 0, plucked, 0.4, -21.0),
        "acoustic_guitar": Chair("Guitar", tuple(guitar), 25, plucked, -0.5, -22.0),
        "bass": Chair("Bass", tuple(bass), 33, plucked, 0.0, -20.0),
        "drums": Chair("Drums", tuple(drums), 0, None, 0.1, -20.0),
    }


def record(
    chairs: Mapping[str, Chair], tempo: Tempo, folder: Path, piece: str, peak: float
) -> None:
    """Play and mix a piece: `<folder>.flac`, the exact sum of `<folder>/<stem>.ogg`."""
    end = max(note.end for chair in chairs.values() for note in chair.part)
    quarters = np.linspace(0, end + 4, 4000)
    lengths = np.diff(quarters, prepend=0) * tempo(np.minimum(quarters, end))
    seconds = LEAD_S + np.cumsum(lengths)
    samples = round((float(np.interp(end, quarters, seconds)) + RING_S) * RATE)

    def at(quarter: float) -> float:
        return float(np.interp(quarter, quarters, seconds))

    stems = {
        name: played(chair, at, samples, np.random.default_rng([1, k]))
        for k, (name, chair) in enumerate(chairs.items())
    }
    gain = np.float32(peak / np.abs(sum(stems.values())).max())
    decoded = []
    for name, stem in stems.items():
        small = audio.resample(gain * stem, RATE, KEPT_RATE)
        audio.write(folder / f"{name}.ogg", small, KEPT_RATE, overwrite=True)
        decoded.append(audio.read(folder / f"{name}.ogg")[0])
    mixture = np.sum(decoded, axis=0)
    audio.write(folder.with_suffix(".flac"), mixture, KEPT_RATE, "PCM_16", overwrite=True)
    about = {"piece": piece, "split": "test", "sound_source": make_starter.FONT, "licence": "MIT"}
    (folder / "track.yaml").write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")


def played(
    chair: Chair, at: Callable[[float], float], samples: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A player's stem (2, samples)."""
    if chair.voice is None:
        events, controls = strike(chair.part, 1.0, rng), list[Control]()
    else:
        events, controls = perform(chair.part, chair.voice, 1.0, rng, velocity=(60, 100))
    events = [Event(at(e.start), at(e.end) - at(e.start), e.midi, e.velocity) for e in events]
    controls = [Control(at(control.time), control.number, control.value) for control in controls]
    channel = PERCUSSION_CHANNEL if chair.voice is None else 0
    midi = midi_file(events, controls, chair.program, 0, samples / RATE, channel=channel)
    heard = render(midi, find_soundfont(make_starter.FONT), reverb=False)[:samples]
    wave = np.zeros(samples, np.float32)
    wave[: len(heard)] = heard
    fade = round(FADE_S * RATE)
    wave[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    level = normalise(wave, chair.level_db)
    if level is None:
        raise SystemExit(f"{chair.name} is silent")
    return level[None] * np.array(pan_gains(chair.place), dtype=np.float32)[:, None]


def write_notation(
    path: Path, parts: Mapping[str, Part], *, quarters_a_minute: float, rest: float = 0.0
) -> None:
    """Write parts, after so many quarter notes of rest, as compressed MusicXML."""
    from music21 import chord, meter, stream, tempo

    score = stream.Score()
    for name, notes in parts.items():
        part = stream.Part()
        part.partName = name
        part.append([meter.TimeSignature("4/4"), tempo.MetronomeMark(number=quarters_a_minute)])
        for start, together in groupby(notes, key=lambda note: note.start):
            struck = list(together)
            length = max(SHORTEST, on_grid(struck[0].duration))
            played_as = chord.Chord([note.midi for note in struck], quarterLength=length)
            part.insert(on_grid(rest + start), played_as)
        score.insert(0, part)
    score.write("mxl", path)


def on_grid(quarters: float) -> float:
    """The nearest multiple of the shortest note."""
    return round(quarters / SHORTEST) * SHORTEST


def write_midi(path: Path, chairs: Sequence[Chair], *, quarters_a_minute: float) -> None:
    """Write parts as they are written, as MIDI, a track each."""
    beat = mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(quarters_a_minute))
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS, tracks=[mido.MidiTrack([beat])])
    for number, chair in enumerate(chairs):
        channel = PERCUSSION_CHANNEL if chair.voice is None else number
        name = mido.MetaMessage("track_name", name=chair.name)
        program = mido.Message("program_change", program=chair.program, channel=channel)
        file.tracks.append(mido.MidiTrack([name, program]))
        keys = [(round(n.start * TICKS), 80, n.midi) for n in chair.part]
        keys += [(round(n.end * TICKS), 0, n.midi) for n in chair.part]
        now = 0
        for tick, velocity, key in sorted(keys):  # a key is released, then struck
            kind = "note_on" if velocity else "note_off"
            message = mido.Message(kind, note=key, velocity=velocity, channel=channel)
            file.tracks[-1].append(message.copy(time=tick - now))
            now = tick
    file.save(path)


if __name__ == "__main__":
    main()
