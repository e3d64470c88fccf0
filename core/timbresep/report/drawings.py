"""What several pages draw: waveforms, spectrograms, notes as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from timbresep.figure import blank, png_of
from timbresep.notes.score import StemNotes
from timbresep.report.page import Picture
from timbresep.report.sound import HIGHEST, LOWEST, RANGE, Sound, levels
from timbresep.units import hz_to_mel, note_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FREQUENCIES = (100, 300, 1000, 3000, 10_000)
"""Marked on spectrograms, Hz."""

LANES = 24
"""So many parts get a lane each; more share one."""


def waveforms(sounds: Sequence[Sound]) -> Picture:
    """The waveform of each track, on one scale."""
    figure = blank(10, 0.6 + 0.9 * len(sounds))
    rows = figure.subplots(len(sounds), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for number, (axes, each) in enumerate(zip(rows, sounds, strict=True)):
        time = np.linspace(0, each.duration, len(each.peaks))
        axes.fill_between(time, -each.peaks, each.peaks, color=_colour(number), lw=0)
        axes.set_yticks([])
        _label(axes, each.name)
    rows[-1].set_xlim(0, max(each.duration for each in sounds))
    rows[-1].set_xlabel("seconds")
    return Picture("waveforms", png_of(figure), f"Waveforms of {_names(sounds)}")


def spectrograms(sounds: Sequence[Sound], reference: float) -> Picture:
    """The mel spectrogram of each track, on one scale: that of `Track.image`."""
    figure = blank(10, 0.6 + 1.2 * len(sounds))
    rows = figure.subplots(len(sounds), 1, sharex=True, squeeze=False)[:, 0]
    low, high = hz_to_mel(LOWEST), hz_to_mel(HIGHEST)
    image = None
    for axes, each in zip(rows, sounds, strict=True):
        image = axes.imshow(
            levels(each.mel, reference),
            *("magma", None),
            aspect="auto",
            origin="lower",
            extent=(0, each.duration, low, high),
            vmin=-RANGE,
            vmax=0,
        )
        axes.set_yticks([hz_to_mel(hz) for hz in FREQUENCIES], [f"{hz}" for hz in FREQUENCIES])
        axes.tick_params(axis="y", labelsize=6)
        _label(axes, f"{each.name}\nHz")
    rows[-1].set_xlim(0, max(each.duration for each in sounds))
    rows[-1].set_xlabel("seconds")
    if image is not None:
        figure.colorbar(image, ax=list(rows), label="dB", fraction=0.03, aspect=40)
    return Picture("spectrograms", png_of(figure), f"Mel spectrograms of {_names(sounds)}")


def note_roll(stems: Sequence[StemNotes], duration: float, caption: str = "") -> Picture:
    """The notes of each part as bars, a lane for each part.

    Args:
        stems: parts with notes.
        duration: seconds of the whole.
        caption: what the figure is of.
    """
    lanes = [[each] for each in stems] if 0 < len(stems) <= LANES else [list(stems)]
    figure = blank(10, 0.8 + max(1.0 * len(lanes), 2.5))
    rows = figure.subplots(len(lanes), 1, sharex=True, squeeze=False)[:, 0]
    number = 0
    for axes, lane in zip(rows, lanes, strict=True):
        for each in lane:
            bars = np.array([(note.pitch, note.start, note.end) for note in each.notes])
            axes.hlines(*bars.reshape(-1, 3).T, lw=2.5, color=_colour(number))
            number += 1
        _pitches(axes, lane)
        _label(axes, lane[0].stem if len(lane) == 1 else "all parts")
    rows[-1].set_xlim(0, max(duration, 0.001))
    rows[-1].set_xlabel("seconds")
    told = ", ".join(each.stem for each in stems)
    return Picture("notes", png_of(figure), f"The notes of {told}", caption)


def _pitches(axes: Axes, lane: Sequence[StemNotes]) -> None:
    """Lowest and highest note as the ends of the axis, named where they are pitches."""
    pitches = [note.pitch for each in lane for note in each.notes]
    if not pitches:
        axes.set_yticks([])
        return
    ends = sorted({min(pitches), max(pitches)})
    pitched = any(each.pitched for each in lane)
    axes.set_yticks(ends, [note_name(end) if pitched else f"{end:.0f}" for end in ends])
    axes.set_ylim(ends[0] - 2, ends[-1] + 2)
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(axis="x", alpha=0.3)


def midi_axis(axes: Axes) -> None:
    """Name the pitches on an axis of MIDI numbers."""
    low, high = (round(end) for end in axes.get_ylim())
    places = range(low, high + 1, max(1, -(-(high - low) // 8)))
    axes.set_yticks(places, [note_name(place) for place in places])
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="y", alpha=0.3)


def _label(axes: Axes, text: str) -> None:
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)


def _colour(number: int) -> str:
    return f"C{number % 10}"


def _names(sounds: Sequence[Sound]) -> str:
    return ", ".join(each.name for each in sounds)
