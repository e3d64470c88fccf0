"""Ensembles with known notes for `alignment.py`: tempo bent, detuned, in a room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from timbresep.data.rendering.midi import Event, midi_file, tuning
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.scores import Score, chorales
from timbresep.data.rendering.waveform import RATE, normalise
from timbresep.data.track import Split, split_of
from timbresep.data.user_cache import default_cache
from timbresep.notes.score import Note, StemNotes

QUARTER_S = 0.6  # of the score; the performance bends it
RELEASE_S = 2.0
CASTS = ((40, 40, 41, 42), (73, 68, 71, 70), (52, 52, 52, 52), (0, 0, 0, 0), (56, 60, 57, 58))
"""General MIDI programs of the four parts: strings, woodwinds, a choir, a piano, brass."""

Wave = NDArray[np.float32]
Times = NDArray[np.float64]


@dataclass(frozen=True)
class Playing:
    """How a piece is played.

    Attributes:
        bend: bound of how much slower or faster than written, 0.2 for ±20 %.
        lead, tail: seconds of noise before the first note and after the last.
        cents: tuning of all players.
        room: reverberation time (60 dB) in seconds; 0 for none.
        font: the soundfont.
        spread: standard deviation in seconds of each note's onset.
    """

    bend: float = 0.0
    lead: float = 0.0
    tail: float = 0.0
    cents: float = 0.0
    room: float = 0.0
    font: str = "FluidR3_GM.sf2"
    spread: float = 0.0


@dataclass(frozen=True)
class Played:
    """A recording, its score, and where the score's onsets are: seconds of each, one to one."""

    wave: Wave
    stems: list[StemNotes]
    written: Times
    sounding: Times


def pieces(split: Split, count: int) -> list[Score]:
    """Chorales of one side of the split, `count` of them, drawn at random."""
    pool = [score for score in chorales(default_cache()) if split_of(score.family) == split]
    order = np.random.default_rng(0).permutation(len(pool))
    return [pool[int(k)] for k in order[:count]]


def stems_of(score: Score) -> list[StemNotes]:
    """The parts of a score at a steady tempo."""
    return [
        StemNotes(
            f"part_{number}",
            "part",
            tuple(Note(n.start * QUARTER_S, n.end * QUARTER_S, n.midi) for n in part),
        )
        for number, part in enumerate(score.parts, start=1)
    ]


def one_after_another(scores: Sequence[Score], pause: float = 2.0) -> list[StemNotes]:
    """Pieces as one, with a pause in seconds between them."""
    parts: list[list[Note]] = [[], [], [], []]
    start = 0.0
    for score in scores:
        for part, stem in zip(parts, stems_of(score), strict=True):
            part += [replace(n, start=n.start + start, end=n.end + start) for n in stem.notes]
        start += score.length * QUARTER_S + pause
    return [StemNotes(f"part_{k}", "part", tuple(part)) for k, part in enumerate(parts, start=1)]


def bent(times: Times, bend: float, rng: np.random.Generator) -> Times:
    """Times of a performance whose tempo is within ±`bend` of what is written."""
    end = float(times.max()) + 10
    grid = np.arange(0, end, 0.05)
    periods, phases = rng.uniform(6, 25, 3), rng.uniform(0, 2 * np.pi, 3)
    wave = np.sin(2 * np.pi * grid[:, None] / periods + phases).mean(axis=1)
    slowness = 1 + bend * wave / max(float(np.abs(wave).max()), 1e-9)
    return np.interp(times, grid, np.concatenate([[0], np.cumsum(slowness[:-1] * 0.05)]))


def play(
    stems: Sequence[StemNotes], how: Playing, rng: np.random.Generator, cast: Sequence[int]
) -> Played:
    """Render a score as it is played."""
    curve = int(rng.integers(2**31))
    last = max(note.end for stem in stems for note in stem.notes)
    written, sounding = [], []
    total = float(bent(np.array([last]), how.bend, np.random.default_rng(curve))[0])
    seconds = how.lead + total + RELEASE_S
    mixture = np.zeros(round(seconds * RATE), np.float32)
    for stem, program in zip(stems, cast, strict=True):
        spans = np.array([(note.start, note.end) for note in stem.notes])
        ends = np.append(spans.ravel(), last)
        heard = how.lead + bent(ends, how.bend, np.random.default_rng(curve))[:-1]
        heard = heard.reshape(-1, 2)
        events = []
        for note, (start, end) in zip(stem.notes, heard, strict=True):
            onset = max(0.0, start + how.spread * float(rng.standard_normal()))
            touch = int(np.clip(80 + 12 * rng.standard_normal(), 40, 120))
            events.append(Event(onset, max(0.05, end - onset), int(note.pitch), touch))
            written.append(note.start)
            sounding.append(onset)
        controls = tuning(how.cents) if how.cents else []
        midi = midi_file(events, controls, program, 0, seconds)
        wave = normalise(render(midi, find_soundfont(how.font), reverb=False))
        if wave is not None:
            mixture[: len(wave)] += wave[: len(mixture)]
    mixture = np.pad(mixture / 4, (0, round(how.tail * RATE)))
    if how.room:
        mixture = in_room(mixture, how.room, rng)
    mixture += 0.002 * rng.standard_normal(len(mixture)).astype(np.float32)
    applause = round(how.tail * RATE)
    if applause:
        mixture[-applause:] += 0.1 * rng.standard_normal(applause).astype(np.float32)
    return Played(mixture[None], list(stems), np.array(written), np.array(sounding))


def in_room(wave: Wave, seconds: float, rng: np.random.Generator) -> Wave:
    """A waveform (samples,) with a diffuse tail as loud as the direct sound.

    Args:
        wave: the direct sound.
        seconds: reverberation time (60 dB).
        rng: source of chance.
    """
    from scipy.signal import oaconvolve

    time = np.arange(round(seconds * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail[: RATE // 100] = 0  # the first reflection arrives after 10 ms
    tail /= math.sqrt(float(np.sum(tail**2)))
    wet = oaconvolve(wave, tail.astype(np.float32))[: len(wave)]
    return (wave + wet).astype(np.float32)
