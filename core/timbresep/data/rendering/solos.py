"""Solo recordings of one instrument, rendered for training its DDSP model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.data.recipe import AnyVoice, Percussion, SolosSpec, Voice
from timbresep.data.rendering import sampler
from timbresep.data.rendering import scores as score_library
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.midi import Control, Event, midi_file
from timbresep.data.rendering.percussion import solo
from timbresep.data.rendering.performance import fold, perform
from timbresep.data.rendering.renderer import check, render
from timbresep.data.rendering.scores import Note, Part, Score
from timbresep.data.rendering.waveform import RATE, normalise

log = logging.getLogger(__name__)

QUARTER_S = 0.55
LOUDNESS = ((25, 70), (45, 100), (70, 125))  # softest and loudest key velocity, in turn


def render_solos(
    spec: SolosSpec,
    voice: AnyVoice,
    out_dir: Path,
    cache: Path,
    *,
    seed: int = 0,
    piece_seconds: float = 45.0,
) -> list[Path]:
    """Render `spec.minutes` of one voice playing alone, one note at a time.

    A quarter of the files hold single notes over the whole range in varied lengths, the others
    tunes in varied octaves; those of percussion hold single strokes, then patterns. Programs and
    soundfonts take turns; velocities go from soft to loud.

    Args:
        spec: soundfonts, programs, recorded notes and minutes.
        voice: range and way of playing; a soundfont's own range comes first.
        out_dir: folder for the files (FLAC, mono, 44.1 kHz, 16 bit), made if missing. Files
            that are already there are kept.
        cache: folder of parsed scores, and of recorded notes (`samples/<name>`).
        seed: source of chance.
        piece_seconds: length of each file.
    Raises:
        MissingToolError: a soundfont, the program that plays it, or music21 is missing.
        DataError: a folder of recorded notes without any.
    """
    if spec.range is not None and isinstance(voice, Voice):
        voice = voice.model_copy(update={"range": spec.range})
    n_files = max(2, round(spec.minutes * 60 / piece_seconds))
    takes = [(_soundfonts(spec, voice), n_files)]
    takes += [([sound], n_files // 2) for sound in _samples(spec, voice, cache / "samples")]
    tunes = [] if isinstance(voice, Percussion) else score_library.tunes(cache)
    paths: list[Path] = []
    first = 0
    for sounds, count in takes:
        for index in range(first, first + count):
            turn, which = divmod(index - first, len(sounds))
            sound = sounds[which]
            kind = _kind(sound.voice, turn)
            path = out_dir / f"{index:02d}-{sound.label}-{kind}.flac"
            if not path.is_file():
                rng = np.random.default_rng([seed, index])
                loudness = LOUDNESS[index % 3]
                events, controls = _play(
                    sound.voice, kind, tunes, piece_seconds, velocity=loudness, rng=rng
                )
                length = max(event.end for event in events) + 1.0
                wave = normalise(sound.render(events, controls, length)[: round(length * RATE)])
                if wave is None:
                    continue
                audio.write(path, wave[None], RATE, "PCM_16")
            paths.append(path)
        first += count
    return paths


Render = Callable[[Sequence[Event], Sequence[Control], float], np.ndarray]
"""Events, controls and a length in seconds → waveform (samples,)."""


@dataclass(frozen=True)
class _Sound:
    """One way to make the instrument sound: a soundfont's program, or recorded notes.

    Attributes:
        label: its part of the files' names: source and program.
        voice: how the instrument plays with it.
        render: how it is played.
    """

    label: str
    voice: AnyVoice
    render: Render


def _soundfonts(spec: SolosSpec, voice: AnyVoice) -> list[_Sound]:
    sounds = []
    for font in spec.soundfonts:
        path = check(font.file)
        player = Player("solo", voice, (font,)).on(font)
        for program in font.programs:
            how = _program(path, program, font.bank, player.channel)
            sounds.append(_Sound(f"{Path(font.file).stem}-{program}", player.voice, how))
    return sounds


def _program(font: Path, program: int, bank: int, channel: int) -> Render:
    """Plays with a soundfont's program."""

    def play(events: Sequence[Event], controls: Sequence[Control], length: float) -> np.ndarray:
        midi = midi_file(events, controls, program, bank, length, channel=channel)
        return render(midi, font, reverb=False)

    return play


def _samples(spec: SolosSpec, voice: AnyVoice, root: Path) -> list[_Sound]:
    sounds = []
    for recordings in spec.samples:
        folder = root / recordings.name
        if folder.is_dir():
            how = _recorded(sampler.find_notes(folder))
            sounds.append(_Sound(f"{recordings.name}-0", voice, how))
        else:
            log.info("no recordings in %s: only soundfonts are played", folder)
    return sounds


def _recorded(notes: sampler.Layers) -> Render:
    """Plays with recorded notes, which controls do not change."""
    return lambda events, controls, length: sampler.play(events, notes, length)


def _kind(voice: AnyVoice, turn: int) -> str:
    """What the files of one program hold, by turns."""
    if isinstance(voice, Percussion):
        return "patterns"
    return "notes" if turn % 4 == 0 else "tunes"


def _play(
    voice: AnyVoice,
    kind: str,
    tunes: list[Score],
    seconds: float,
    *,
    velocity: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[list[Event], list[Control]]:
    if isinstance(voice, Percussion):
        return solo(seconds, rng), []
    if kind == "notes":
        part = single_notes(voice, seconds, rng)
    else:
        part = medley(tunes, voice, seconds, rng)
    return perform(part, voice, QUARTER_S, rng, velocity=velocity)


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
            start = now + (note.start - origin) * stretch
            midi = fold(note.midi + shift, voice)
            notes.append(Note(start, note.duration * stretch, midi))
        now = notes[-1].end + 0.5
    return tuple(n for n in notes if n.start * QUARTER_S < seconds)
