"""From played notes to courses of pitch and loudness, as a virtual voice wants them.

A voice sounds one note at a time; chords are several strands of notes, each a course of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from timbresep.data.rendering.midi import EXPRESSION, Control, Event
from timbresep.units import midi_to_hz

Course = NDArray[np.float32]

STRANDS = 5
RING_S = 0.15
"""Seconds that a strand is left alone after a note, where there are others."""

SILENT_DB = -120.0
RISE_DB = 60.0
"""dB from which a note rises; after a rest, all of it."""

VELOCITIES = (45.0, 80.0, 115.0)
"""Key velocities that sound as loud as the quartiles of the voice's loudness."""


@dataclass(frozen=True)
class Touch:
    """How a virtual instrument is played.

    Attributes:
        sustained: notes are held, and swell; otherwise they decay.
        polyphonic: several notes at a time.
        attack_s: seconds in which a note rises.
        decay_db: dB that a note at C4 falls in a second while it is held; high ones fall faster,
            by a factor of two in two octaves. About 0 for a sustained sound.
        release_db: dB that it falls in a second when it is let go.
        legato_db: dB from which a note rises that follows upon another.
        vibrato_hz, vibrato_cents: rate and depth; it sets in after a third of a second.
        drift_cents: how far the pitch wanders (standard deviation).
    """

    sustained: bool
    polyphonic: bool
    attack_s: float
    decay_db: float
    release_db: float
    legato_db: float = RISE_DB
    vibrato_hz: float = 5.5
    vibrato_cents: float = 0.0
    drift_cents: float = 0.0

    @classmethod
    def draw(cls, sustained: bool, rng: np.random.Generator) -> Touch:
        """A random one, of a held or a decaying sound."""
        if sustained:
            return cls(
                sustained=True,
                polyphonic=bool(rng.random() < 0.15),
                attack_s=float(np.exp(rng.uniform(np.log(0.015), np.log(0.15)))),
                decay_db=float(rng.normal(0, 2)),
                release_db=float(rng.uniform(150, 600)),
                legato_db=float(rng.uniform(2, 20)),
                vibrato_hz=float(rng.uniform(4.2, 7)),
                vibrato_cents=float(rng.uniform(5, 45)) if rng.random() < 0.6 else 0.0,
                drift_cents=float(rng.uniform(0, 6)),
            )
        return cls(
            sustained=False,
            polyphonic=bool(rng.random() < 0.6),
            attack_s=float(np.exp(rng.uniform(np.log(0.004), np.log(0.02)))),
            decay_db=float(np.exp(rng.uniform(np.log(5), np.log(60)))),
            release_db=float(rng.uniform(80, 500)),
        )


def strands(events: Sequence[Event], polyphonic: bool) -> list[list[Event]]:
    """Share notes out to strands in which they follow one another.

    A note goes to the first strand that is free; when none is, to the one whose note ends first,
    and ends it. One that is not polyphonic has one strand.
    """
    found: list[list[Event]] = []
    for event in sorted(events, key=lambda e: (e.start, e.midi)):
        free = [s for s in found if s[-1].end + RING_S <= event.start]
        if free:
            free[0].append(event)
        elif not found or (polyphonic and len(found) < STRANDS):
            found.append([event])
        else:
            chosen = min(found, key=lambda strand: strand[-1].end)
            last = chosen[-1]
            chosen[-1] = replace(last, duration=min(last.duration, event.start - last.start))
            chosen.append(event)
    return found


def course(
    strand: Sequence[Event],
    controls: Sequence[Control],
    touch: Touch,
    levels: Sequence[float],
    frames: int,
    frame_rate: int,
    rng: np.random.Generator,
) -> tuple[Course, Course]:
    """Pitch and loudness of one strand of notes.

    Args:
        strand: notes that follow one another.
        controls: changes of expression.
        touch: how they are played.
        levels: quartiles of the voice's loudness in dB.
        frames: length.
        frame_rate: Hz.
        rng: source of chance.

    Returns:
        f0 in Hz, above 0 also in rests (frames,), and loudness in dB (frames,).
    """
    pitch = np.full(frames, float(strand[0].midi))
    loudness = np.full(frames, SILENT_DB)
    ends = [event.start for event in strand[1:]] + [frames / frame_rate]
    before = -np.inf  # second at which the note before ends
    for event, end in zip(strand, ends, strict=True):
        first, last = round(event.start * frame_rate), min(round(end * frame_rate), frames)
        if first >= last:
            continue
        time = np.arange(last - first) / frame_rate
        depth = RISE_DB if event.start - before > touch.attack_s else touch.legato_db
        rise = -depth * np.maximum(0, 1 - time / touch.attack_s)
        fall = touch.decay_db * 2 ** ((event.midi - 60) / 24) * time
        release = touch.release_db * np.maximum(0, time - event.duration)
        level = np.interp(event.velocity, VELOCITIES, levels) + rng.normal(0, 1)
        loudness[first:last] = level + rise - fall - release
        swing = np.clip((time - 0.33) / 0.3, 0, 1) * np.sin(2 * np.pi * touch.vibrato_hz * time)
        pitch[first:] = event.midi
        pitch[first:last] += touch.vibrato_cents / 100 * swing
        before = event.end
    knots = np.arange(0, frames + frame_rate, frame_rate // 4)
    wander = np.interp(np.arange(frames), knots, rng.normal(0, touch.drift_cents / 100, len(knots)))
    loudness = np.maximum(loudness + _expression(controls, frames, frame_rate), SILENT_DB)
    f0_hz = midi_to_hz(pitch + wander)
    return f0_hz.astype(np.float32), loudness.astype(np.float32)


def _expression(controls: Sequence[Control], frames: int, frame_rate: int) -> NDArray[np.float64]:
    """Gain in dB (frames,) that changes of expression make: ``40 log10(value / 127)``."""
    changes = [(c.time, c.value) for c in controls if c.number == EXPRESSION]
    if not changes:
        return np.zeros(frames)
    times, values = np.array(changes, dtype=np.float64).T
    gains = 40 * np.log10(np.maximum(values, 1) / 127)
    gain: NDArray[np.float64] = np.interp(np.arange(frames) / frame_rate, times, gains)
    return gain
