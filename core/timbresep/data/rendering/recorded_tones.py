"""Tone tables of recorded notes, whose names say what they play."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.condition.heard_tones import RATE, shares
from timbresep.condition.tone_table import Array, ToneTable
from timbresep.data.rendering.font_tones import LEVELS, STEADY_S, VELOCITIES
from timbresep.data.rendering.sampler import Layers, layer_for

TUNING_CENTS = np.arange(-48, 49, 4)
"""How far a recording may be off its note; it is taken to be where its noise is least."""
SHORTEST_S = 0.2


def recorded_tones(notes: Layers) -> ToneTable | None:
    """What recorded notes sound like, at the loudness of three velocities.

    Args:
        notes: the recordings; the layers that the velocities play are heard.

    Returns:
        a tone for each note and velocity; None where no recording is long enough.

    Raises:
        AudioError: a recording cannot be read.
    """
    heard: dict[int, list[tuple[Array, Array]]] = {}
    for midi, layers in sorted(notes.items()):
        tones = [_tone(layer_for(layers, velocity), midi) for velocity in VELOCITIES]
        if known := [tone for tone in tones if tone is not None]:
            heard[midi] = [tone or known[0] for tone in tones]
    if not heard:
        return None
    # (pitches, levels, …) → (levels, pitches, …)
    distributions = np.stack([[tone for tone, _ in row] for row in heard.values()], axis=1)
    noise = np.stack([[bands for _, bands in row] for row in heard.values()], axis=1)
    return ToneTable(
        np.asarray(list(heard), dtype=np.float32),
        np.asarray(LEVELS, dtype=np.float32),
        distributions.astype(np.float32),
        noise.astype(np.float32),
    )


@functools.lru_cache(maxsize=4096)
def _tone(path: Path, midi: int) -> tuple[Array, Array] | None:
    """Shares of the steady part of a recording; None where it has none."""
    info = audio.info(path)
    start = min(round(STEADY_S[0] * info.rate), info.frames // 4)
    frames = min(round((STEADY_S[1] - STEADY_S[0]) * info.rate), info.frames - start)
    if frames < SHORTEST_S * info.rate:
        return None
    stereo, rate = audio.read(path, start, frames)  # (channels, frames)
    wave = audio.resample(stereo.mean(axis=0, keepdims=True), rate, RATE)[0]
    nominal = 440 * 2 ** ((midi - 69) / 12)
    tuned = [shares(wave, nominal * 2 ** (cents / 1200)) for cents in TUNING_CENTS]
    return min(tuned, key=lambda tone: float(tone[1].sum()))
