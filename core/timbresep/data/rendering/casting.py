"""Who plays what: balanced casts of instruments on the parts of a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from timbresep.data.recipe import AnyVoice, Percussion, Soundfont, Voice
from timbresep.data.rendering.midi import PERCUSSION_CHANNEL, Control, Event
from timbresep.data.rendering.percussion import accompany
from timbresep.data.rendering.performance import chords, fit_octave, perform
from timbresep.data.rendering.scores import Note, Part, Score

TEMPO_S = (0.42, 0.8)  # seconds a quarter note
TAIL_S = 1.0
FIGURED = 0.15  # share of one-note-at-a-time parts played as arpeggios


@dataclass(frozen=True)
class Player:
    """An instrument as the renderer sees it: how it plays and in which soundfonts."""

    name: str
    voice: AnyVoice
    soundfonts: tuple[Soundfont, ...]

    @property
    def channel(self) -> int:
        """The MIDI channel it plays on."""
        return PERCUSSION_CHANNEL if isinstance(self.voice, Percussion) else 0

    def on(self, font: Soundfont) -> Player:
        """The player with the range of the soundfont's programs, where they have their own."""
        if font.range is None or isinstance(self.voice, Percussion):
            return self
        return replace(self, voice=self.voice.model_copy(update={"range": font.range}))


@dataclass(frozen=True)
class Performance:
    """What one player plays in one track, in seconds."""

    player: str
    events: tuple[Event, ...]
    controls: tuple[Control, ...]


def balanced_casts(
    names: Sequence[str], size: int, count: int, rng: np.random.Generator
) -> list[list[str]]:
    """`count` casts of `size` distinct names in random order; over all of them every name
    appears equally often (to within one)."""
    size = min(size, len(names))
    uses = dict.fromkeys(names, 0)
    casts = []
    for _ in range(count):
        order = sorted(names, key=lambda name: (uses[name], rng.random()))
        cast = order[:size]
        for name in cast:
            uses[name] += 1
        casts.append([cast[int(k)] for k in rng.permutation(size)])
    return casts


def arrange(
    score: Score,
    cast: Sequence[str],
    players: Mapping[str, Player],
    seconds: float,
    rng: np.random.Generator,
) -> tuple[list[Performance], float]:
    """Set a score for a cast: the cast's k-th player takes part k. In place of a percussion
    player's part there are patterns in the score's bars.

    Args:
        score: parts, highest first.
        cast: player names in order.
        players: the players by name.
        seconds: longest track.
        rng: source of chance (tempo, key, octaves, style, touch).
    Returns:
        one performance a player and the length of the track in seconds.
    """
    quarter_s = float(rng.uniform(*TEMPO_S))
    key = int(rng.integers(-4, 5))
    score = score.until((seconds - TAIL_S) / quarter_s)
    parts = [_transposed(part, key) for part in score.parts if part]
    performances = []
    for k, name in enumerate(cast):
        voice = players[name].voice
        if isinstance(voice, Percussion):
            events = accompany(score, quarter_s, rng)
            performances.append(Performance(name, tuple(events), ()))
            continue
        own = fit_octave(parts[k % len(parts)], voice, rng)
        others = [part for j, part in enumerate(parts) if j != k % len(parts)]
        part = _styled(own, others, voice, rng)
        events, controls = perform(part, voice, quarter_s, rng)
        performances.append(Performance(name, tuple(events), tuple(controls)))
    end = max(event.end for p in performances for event in p.events)
    return performances, min(seconds, end + TAIL_S)


def _transposed(part: Part, semitones: int) -> Part:
    return tuple(Note(n.start, n.duration, n.midi + semitones, n.velocity) for n in part)


def _styled(own: Part, others: list[Part], voice: Voice, rng: np.random.Generator) -> Part:
    style = rng.random()
    if not others:
        return own
    chosen = [others[int(k)] for k in rng.permutation(len(others))[: int(rng.integers(1, 3))]]
    if voice.polyphonic and style < 0.35:
        return chords(own, chosen, voice, broken=False)
    if style < (0.6 if voice.polyphonic else FIGURED):
        return chords(own, chosen, voice, broken=True)
    return own
