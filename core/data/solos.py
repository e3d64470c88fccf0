"""Solo recordings of one instrument, rendered for training its DDSP model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from core.config import atomic_write
from core.data import scores as score_library
from core.data.fluidsynth import RATE, find_soundfont, normalise, render
from core.data.midi import midi_file
from core.data.performance import perform
from core.data.recipe import SolosSpec, Voice
from core.data.scores import Note, Part, Score

QUARTER_S = 0.55


def render_solos(
    spec: SolosSpec,
    voice: Voice,
    out_dir: Path,
    cache: Path,
    seed: int = 0,
    piece_seconds: float = 45.0,
) -> list[Path]:
    """Render `spec.minutes` of one voice playing alone, one note at a time.

    A quarter of the files hold single notes over the whole range in varied lengths, the others
    tunes in varied octaves. Programs and soundfonts take turns; velocities go from soft to loud.

    Args:
        spec: soundfonts, programs and minutes.
        voice: range and way of playing.
        out_dir: folder for the files (FLAC, mono, 44.1 kHz, 16 bit), made if missing. Files
            that are already there are kept.
        cache: folder of parsed scores.
        seed: source of chance.
        piece_seconds: length of each file.
    Raises:
        MissingToolError: fluidsynth, a soundfont or music21 is missing.
    """
    if spec.range is not None:
        voice = voice.model_copy(update={"range": spec.range})
    players = [(font, program) for font in spec.soundfonts for program in font.programs]
    fonts = {font.file: find_soundfont(font.file) for font in spec.soundfonts}
    tunes = score_library.tunes(cache)
    n_files = max(2, round(spec.minutes * 60 / piece_seconds))
    paths = []
    for index in range(n_files):
        rng = np.random.default_rng([seed, index])
        font, program = players[index % len(players)]
        kind = "notes" if (index // len(players)) % 4 == 0 else "tunes"
        path = out_dir / f"{index:02d}-{Path(font.file).stem}-{program}-{kind}.flac"
        paths.append(path)
        if path.is_file():
            continue
        part = (
            single_notes(voice, piece_seconds, rng)
            if kind == "notes"
            else medley(tunes, voice, piece_seconds, rng)
        )
        loudness = [(25, 70), (45, 100), (70, 125)][index % 3]
        events, controls = perform(part, voice, QUARTER_S, rng, velocity=loudness)
        length = max(event.end for event in events) + 1.0
        midi = midi_file(events, controls, program, font.bank, length)
        wave = normalise(render(midi, fonts[font.file], reverb=False)[: round(length * RATE)])
        if wave is None:
            paths.pop()
            continue
        with atomic_write(path) as temporary:
            soundfile.write(temporary, wave, RATE, subtype="PCM_16", format="FLAC")
    return paths


def single_notes(voice: Voice, seconds: float, rng: np.random.Generator) -> Part:
    """Semitones of the whole range in random order, each 0.3 to 2 s, with short rests."""
    low, high = voice.range
    notes, now, pitches = [], 0.0, list[int]()
    while now * QUARTER_S < seconds:
        if not pitches:
            pitches = [int(p) for p in rng.permutation(np.arange(low, high + 1))]
        duration = float(rng.choice([0.6, 1.0, 1.0, 2.0, 3.5]))
        notes.append(Note(now, duration, pitches.pop()))
        now += duration + float(rng.choice([0.0, 0.25, 0.5]))
    return tuple(notes)


def medley(tunes: list[Score], voice: Voice, seconds: float, rng: np.random.Generator) -> Part:
    """Excerpts of tunes one after another, each at half speed or full speed and moved to a
    random place in the voice's range; notes beyond the range are folded in by octaves."""
    low, high = voice.range
    notes: list[Note] = []
    now = 0.0
    while now * QUARTER_S < seconds:
        tune = tunes[int(rng.integers(len(tunes)))].parts[0]
        first = int(rng.integers(max(1, len(tune) - 24)))
        excerpt = tune[first : first + 24]
        centre = float(np.mean([n.midi for n in excerpt]))
        shift = round(float(rng.uniform(low, high)) - centre)
        stretch = float(rng.choice([1.0, 1.5, 2.5]))
        origin = excerpt[0].start
        for note in excerpt:
            midi = note.midi + shift
            while midi < low:
                midi += 12
            while midi > high:
                midi -= 12
            start = now + (note.start - origin) * stretch
            notes.append(Note(start, note.duration * stretch, midi))
        now = notes[-1].end + 0.5
    return tuple(n for n in notes if n.start * QUARTER_S < seconds)
