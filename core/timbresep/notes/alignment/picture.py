"""A picture of an alignment: what is heard, the notes on it, tempo and confidence over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from timbresep.figure import new_figure, save_figure
from timbresep.notes.alignment.result import SURE, Alignment
from timbresep.notes.score import StemNotes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(
    alignment: Alignment, stems: Sequence[StemNotes], out: Path, *, overwrite: bool = False
) -> None:
    """Draw the aligned notes, the way through score and recording, and how sure it is.

    Args:
        alignment: of the score.
        stems: its notes, in score time.
        out: PNG file to write.
        overwrite: replace it if it is there.

    Raises:
        DataError: `out` is not called .png.
        OutputExistsError: the file is there and may not be replaced.
    """
    figure = new_figure(11, 8, out, overwrite=overwrite)
    fill(figure, alignment, stems)
    save_figure(figure, out, overwrite=overwrite)


def fill(figure: Figure, alignment: Alignment, stems: Sequence[StemNotes]) -> None:
    """Draw an alignment into an empty figure; arguments as `draw`."""
    notes, way, sure = figure.subplots(3, 1, sharex=True, height_ratios=[4, 3, 1.3])
    _draw_notes(notes, alignment.applied(stems))
    way.plot(alignment.sounding, alignment.written, lw=1.2)
    way.set_ylabel("seconds of the score")
    way.grid(alpha=0.3)
    time = np.arange(len(alignment.confidence)) + 0.5
    sure.fill_between(time, alignment.confidence, step="mid", alpha=0.6)
    sure.axhline(SURE, color="grey", lw=0.8, ls=":")
    sure.set_ylabel("confidence")
    sure.set_ylim(0, 1.02)
    sure.set_xlim(0, alignment.duration)
    sure.set_xlabel("seconds of the recording")
    for axes in (notes, way, sure):
        for start, end in alignment.unsure():
            axes.axvspan(start, end, color="tab:red", alpha=0.15, lw=0)


def _draw_notes(axes: Axes, stems: Sequence[StemNotes]) -> None:
    """Notes as bars, a colour for each stem."""
    for number, stem in enumerate(stems):
        if stem.notes and stem.pitched:
            bars = np.array([(note.pitch, note.start, note.end) for note in stem.notes])
            axes.hlines(*bars.T, lw=2.5, color=f"C{number % 10}", label=stem.stem)
    axes.set_ylabel("MIDI number")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, loc="upper right", ncols=4)
