"""Percussion: seeded patterns in bars, on the keys of General MIDI's percussion map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from timbresep.data.rendering.midi import Event
from timbresep.data.rendering.performance import one_at_a_time_per_key
from timbresep.data.rendering.scores import Note, Part, Score

# Keys of the General MIDI percussion map (General MIDI System Level 1, 1991).
KICK, STICK, SNARE, CLAP = 36, 37, 38, 39
CLOSED, PEDAL, OPEN = 42, 44, 46  # hi-hat
CRASH, CRASH_2, SPLASH, CHINA, RIDE, BELL = 49, 57, 55, 52, 51, 53
TAMBOURINE, COWBELL = 54, 56
TOMS = (50, 48, 47, 45, 43, 41)  # high to low
DRUM_KEYS = (35, KICK, STICK, SNARE, CLAP, 40, *TOMS)
CYMBALS = (CLOSED, PEDAL, OPEN, CRASH, CRASH_2, SPLASH, CHINA, RIDE, BELL, 59)
KEYS = (*DRUM_KEYS, *CYMBALS, TAMBOURINE, COWBELL)

RING_S = 1.5  # a key is held until it is struck again, at most this long
TIMING_S = 0.006
TEMPO_S = (0.3, 0.9)  # seconds a quarter note, in solos
PHRASES = (2, 4, 8)  # bars from fill to fill
VELOCITY = {"X": 112, "x": 88, "-": 52, "?": 70}
CHANCE = {"X": 1.0, "x": 1.0, "-": 0.85, "?": 0.35}


@dataclass(frozen=True)
class Groove:
    """A pattern that comes again each bar.

    Attributes:
        bar: quarter notes in a bar.
        steps: steps in a quarter note: 4 is straight, 3 swings.
        lines: key → one character a step: X accented, x struck, - soft, ? now and then.
    """

    bar: int
    steps: int
    lines: Mapping[int, str]


GROOVES = (
    # rock: eighths on the hi-hat
    Groove(4, 4, {CLOSED: "X.x.x.x.X.x.x.x.", KICK: "X.....?.X.?.....", SNARE: "....X..-....X..?"}),
    # rock with the ride, busier feet
    Groove(4, 4, {RIDE: "X.x.X.x.X.x.X.x.", KICK: "X..x..x.?.x...?.", SNARE: "....X..?.-..X..-"}),
    # pop: sixteenths and an open hi-hat before the bar line
    Groove(
        4,
        4,
        {
            CLOSED: "X-x-X-x-X-x-X-..",
            OPEN: "..............x.",
            KICK: "X......xX.?.....",
            SNARE: "....X.......X...",
        },
    ),
    # four on the floor
    Groove(
        4,
        4,
        {
            KICK: "X...X...X...X...",
            CLOSED: "x-.-x-.-x-.-x-.-",
            OPEN: "..X...X...X...X.",
            CLAP: "....X.......X...",
            TAMBOURINE: "?.?.?.?.?.?.?.?.",
        },
    ),
    # half time
    Groove(4, 4, {CLOSED: "X.x.x.x.X.x.x.x.", KICK: "X.....?...x...?.", SNARE: "........X......-"}),
    # toms in place of the hi-hat
    Groove(
        4,
        4,
        {
            41: "X.x.x.?.x.x.x.?.",
            45: "......x.......x.",
            KICK: "X...X...X...X...",
            SNARE: "....X...-...X...",
        },
    ),
    # bossa nova: side stick over eighths
    Groove(4, 4, {CLOSED: "x.x.x.x.x.x.x.x.", KICK: "X..xX..xX..xX..x", STICK: "X..X..X...X..X.."}),
    # shuffle
    Groove(4, 3, {CLOSED: "X.xX.xX.xX.x", KICK: "X....?X....?", SNARE: "...X.....X.."}),
    # swing: ride and pedal, light comments
    Groove(
        4,
        3,
        {RIDE: "x..X.xx..X.x", PEDAL: "...X.....X..", SNARE: "..?..-..?..-", KICK: "-..-..-..-.."},
    ),
    # march: two beats, rolling sixteenths
    Groove(2, 4, {SNARE: "X-x-X-xx", KICK: "X...X...", CRASH: "....?..."}),
    Groove(2, 4, {SNARE: "X..xX.xx", KICK: "X...x...", PEDAL: "....X..."}),
    # polka, and what fits any bar of whole quarters
    Groove(1, 4, {KICK: "X...", SNARE: "..x.", CLOSED: "x.x."}),
    # waltzes
    Groove(3, 4, {KICK: "X...........", SNARE: "....x...x...", CLOSED: "x...X.?.X.?."}),
    Groove(
        3,
        4,
        {RIDE: "X...x.?.x.x.", PEDAL: "....X...X...", KICK: "X.......?...", STICK: "....?...?..."},
    ),
    Groove(3, 3, {RIDE: "X..x.xx.x", KICK: "X....?...", SNARE: "-..X..X.-"}),
)


def pattern(quarters: float, bar: float, upbeat: float, rng: np.random.Generator) -> Part:
    """One groove (or, one time in six, sparse single strokes) with fills, over a whole piece.

    Args:
        quarters: length in quarter notes.
        bar: quarter notes in a bar; a bar that no groove fits gets sparse strokes.
        upbeat: quarter notes before the first whole bar; they rest.
        rng: source of chance: groove, density, variation, fills.
    """
    fitting = [groove for groove in GROOVES if bar % groove.bar == 0]
    groove = fitting[int(rng.integers(len(fitting)))] if fitting else None
    if groove is None or rng.random() < 1 / 6:
        density = float(rng.uniform(0.1, 0.6))
        return tuple(n for n in _sparse(quarters, density, rng) if n.start >= upbeat)
    phrase = PHRASES[int(rng.integers(len(PHRASES)))]
    left_out = {key for key in groove.lines if rng.random() < 0.12}
    density = float(rng.uniform(0.75, 1.0))
    notes: list[Note] = []
    start, count = upbeat, 0
    while start < quarters:
        last = (count + 1) % phrase == 0
        filled = (
            float(min(bar, rng.choice([1.0, 2.0, 4.0]))) if last and rng.random() < 0.8 else 0.0
        )
        notes += [
            note
            for repeat in range(int(bar) // groove.bar)
            for note in _bar(groove, start + repeat * groove.bar, left_out, density, rng)
            if note.start < start + bar - filled - 1e-6
        ]
        if filled:
            notes += _fill(start + bar - filled, filled, groove.steps, rng)
        if count and count % phrase == 0 and rng.random() < 0.7:
            notes.append(_hit(start, (CRASH, CRASH_2, SPLASH, CHINA)[int(rng.integers(4))], 105))
        start, count = start + bar, count + 1
    return tuple(note for note in notes if note.start < quarters - 1e-6)


def _hit(start: float, key: int, velocity: float) -> Note:
    return Note(start, 0.25, key, int(np.clip(velocity, 1, 127)))


def _bar(
    groove: Groove, start: float, left_out: set[int], density: float, rng: np.random.Generator
) -> list[Note]:
    """One bar of a groove; what is not accented is played with probability `density`."""
    notes = []
    for key, line in groove.lines.items():
        for step, mark in enumerate(line):
            if mark == "." or key in left_out or rng.random() > CHANCE[mark]:
                continue
            if mark == "X" or rng.random() < density:
                notes.append(_hit(start + step / groove.steps, key, VELOCITY[mark]))
    return notes


def _fill(start: float, quarters: float, steps: int, rng: np.random.Generator) -> list[Note]:
    """A run that gets louder, down the toms or on the snare, over the kick."""
    count = round(quarters * steps)
    down = rng.random() < 0.7
    notes = [_hit(start + k, KICK, 90) for k in range(int(quarters))]
    for step in range(count):
        share = step / count
        key = TOMS[int(share * len(TOMS))] if down and rng.random() < 0.8 else SNARE
        if step == 0 or rng.random() < 0.85:
            notes.append(_hit(start + step / steps, key, 70 + 45 * share + rng.normal(0, 6)))
    return notes


def _sparse(quarters: float, density: float, rng: np.random.Generator) -> list[Note]:
    """Single strokes of any key, on eighth notes."""
    notes = []
    for step in range(int(2 * quarters)):
        if rng.random() < density:
            key = KEYS[int(rng.integers(len(KEYS)))]
            notes.append(_hit(step / 2, key, rng.uniform(35, 120)))
    return notes


def strike(part: Sequence[Note], quarter_s: float, rng: np.random.Generator) -> list[Event]:
    """Play a percussion part: one level for all of it, uneven timing and touch.

    Args:
        part: notes in quarter notes, with velocities; their durations do not matter.
        quarter_s: length of a quarter note in seconds.
        rng: the performance's source of chance.
    Returns:
        strokes in seconds; each sound rings until it is struck again.
    """
    level = float(rng.uniform(0.7, 1.1))
    events = []
    for note in part:
        start = max(0.0, note.start * quarter_s + float(rng.normal(0, TIMING_S)))
        touch = int(np.clip(note.velocity * level + rng.normal(0, 5), 1, 127))
        events.append(Event(start, RING_S, note.midi, touch))
    return one_at_a_time_per_key(events)


def accompany(score: Score, quarter_s: float, rng: np.random.Generator) -> list[Event]:
    """A pattern for a score, in its bars and from its upbeat on."""
    part = pattern(score.length, score.bar, score.upbeat, rng)
    return strike(part or (_hit(0.0, CRASH, 80),), quarter_s, rng)


def solo(seconds: float, rng: np.random.Generator) -> list[Event]:
    """Single strokes of every key, soft to loud, for a quarter of the time; then patterns of 8 to
    16 quarters, each in a tempo and bar of its own."""
    events: list[Event] = []
    now, keys = 0.0, list[int]()
    while now < seconds / 4:
        if not keys:
            keys = [int(key) for key in rng.permutation(KEYS)]
        gap = float(rng.choice([0.2, 0.4, 0.8, 1.6]))
        events.append(Event(now, min(gap, RING_S), keys.pop(), int(rng.integers(25, 127))))
        now += gap
    while now < seconds:
        quarter_s = float(rng.uniform(*TEMPO_S))
        bar = float(rng.choice([3.0, 4.0, 4.0, 4.0]))
        quarters = bar * int(rng.integers(3, 5))
        part = pattern(quarters, bar, 0.0, rng)
        events += [
            Event(now + event.start, event.duration, event.midi, event.velocity)
            for event in strike(part, quarter_s, rng)
        ]
        now += quarters * quarter_s
    return one_at_a_time_per_key([event for event in events if event.start < seconds])
