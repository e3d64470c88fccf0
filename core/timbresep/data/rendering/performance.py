"""From written parts to played notes: octave, tempo, timing, touch, chords and arpeggios."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from timbresep.data.recipe import Voice
from timbresep.data.rendering.midi import EXPRESSION, MODULATION, Control, Event
from timbresep.data.rendering.scores import Note, Part

TIMING_S = 0.015


def fit_octave(part: Part, voice: Voice, rng: np.random.Generator) -> Part:
    """Transpose a part by whole octaves into the voice's range.

    The octave is drawn from those that hold the whole part; without one, the octave that holds
    most notes is taken and the others are folded in by octaves.
    """
    low, high = voice.range
    shifts = [12 * k for k in range(-5, 6)]
    inside = [sum(low <= n.midi + s <= high for n in part) for s in shifts]
    best = max(inside)
    shift = int(rng.choice([s for s, count in zip(shifts, inside, strict=True) if count == best]))
    return tuple(Note(n.start, n.duration, fold(n.midi + shift, voice), n.velocity) for n in part)


def fold(midi: int, voice: Voice) -> int:
    """A pitch (MIDI number) moved by octaves into the voice's range."""
    low, high = voice.range
    while midi < low:
        midi += 12
    while midi > high:
        midi -= 12
    return midi


def chords(own: Part, others: Sequence[Part], voice: Voice, *, broken: bool) -> Part:
    """Add the notes of other parts below or above `own` notes that begin with them.

    Args:
        own: the voice's part, already in its range.
        others: other parts of the score, any octave.
        voice: whose range the added notes are brought into, near the own note.
        broken: play each chord as an arpeggio of eighth notes instead of at once.
    """
    notes: list[Note] = []
    for note in own:
        pitches = [note.midi]
        for part in others:
            sounding = [n for n in part if n.start <= note.start + 1e-6 < n.end]
            if sounding:
                pitches.append(_near(sounding[0].midi, note.midi - 5, voice))
        stack = sorted(set(pitches))
        if broken and len(stack) > 1:
            steps = max(2, round(note.duration / 0.5))
            length = note.duration / steps
            cycle = stack + stack[-2:0:-1]
            for k in range(steps):
                pitch = cycle[k % len(cycle)]
                notes.append(Note(note.start + k * length, length, pitch, note.velocity))
        else:
            notes += [Note(note.start, note.duration, pitch, note.velocity) for pitch in stack]
    return tuple(notes)


def _near(midi: int, target: int, voice: Voice) -> int:
    return fold(midi + 12 * round((target - midi) / 12), voice)


def perform(
    part: Part,
    voice: Voice,
    quarter_s: float,
    rng: np.random.Generator,
    velocity: tuple[int, int] = (45, 115),
) -> tuple[list[Event], list[Control]]:
    """Play a part: uneven timing and touch; sustained voices swell and may use vibrato.

    Args:
        part: notes in quarter notes.
        voice: the instrument's way of playing.
        quarter_s: length of a quarter note in seconds.
        rng: the performance's source of chance.
        velocity: softest and loudest key velocity.
    Returns:
        notes and controller changes, in seconds from the start of the piece.
    """
    level = float(rng.uniform(velocity[0] + 15, velocity[1] - 15))
    legato = float(rng.uniform(0.75, 1.0))
    events: list[Event] = []
    for note in part:
        level += float(rng.normal(0, 3)) + 0.1 * (sum(velocity) / 2 - level)
        touch = int(np.clip(level + rng.normal(0, 6), *velocity))
        start = max(0.0, note.start * quarter_s + float(rng.normal(0, TIMING_S / 2)))
        duration = max(0.08, note.duration * quarter_s * legato)
        events.append(Event(start, duration, note.midi, touch))
    end = max(event.end for event in events)
    return one_at_a_time_per_key(events), (_swell(end, rng) if voice.sustained else [])


def _swell(end: float, rng: np.random.Generator) -> list[Control]:
    controls = [Control(0.0, MODULATION, int(rng.integers(0, 50)) if rng.random() < 0.4 else 0)]
    period, phase = rng.uniform(2.0, 8.0), rng.uniform(0, 2 * np.pi)
    depth = rng.uniform(0, 35)
    for time in np.arange(0.0, end, 0.1):
        value = 110 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * time / period + phase))
        controls.append(Control(float(time), EXPRESSION, int(value)))
    return controls


def one_at_a_time_per_key(events: list[Event]) -> list[Event]:
    """End each note before its key is struck again, as on a real keyboard."""
    ordered = sorted(events, key=lambda e: (e.midi, e.start))
    result = []
    for k, event in enumerate(ordered):
        following = ordered[k + 1] if k + 1 < len(ordered) else None
        duration = event.duration
        if following is not None and following.midi == event.midi:
            duration = min(duration, following.start - event.start - 0.01)
        if duration > 0.03:
            result.append(Event(event.start, duration, event.midi, event.velocity))
    return sorted(result, key=lambda e: e.start)
