"""An evaluation of notes as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from timbresep.evaluation.notes.measures import LEVELS
from timbresep.evaluation.notes.result import Method, NoteEvaluation
from timbresep.evaluation.notes.summary import (
    by_instrument,
    false_notes,
    gains_over_earlier,
    methods_in,
    notes_of,
    overall,
    swap_losses,
    swap_means,
    tracks_of,
    unlabelled_in,
    without_labels,
)
from timbresep.evaluation.result import Scores, mean_of

TITLES: dict[Method, str] = {
    "transcriber": "transcriber",
    "earlier": "earlier transcriber",
    "swapped": "with other conditions",
    "unlabelled": "everyone's true notes, for each",
    "silence": "silence",
}
HEADS = {"frame": "frames", "note": "notes", "offset": "with\nends"}
CAPTION = (
    "F-measures, 0 to 1. Frames: of 10 ms. Notes: of one pitch, beginnings within 50 ms. "
    "With ends: ends, too, within 50 ms or 20 % of the note. Swap loss: frame F lost when the "
    "condition is another instrument's. Without labels: the notes of all instruments as one set, "
    "whoever plays them."
)


def table(result: NoteEvaluation, title: str = "") -> Table:
    """F-measures: a line per instrument, the means of each method, the same without labels."""
    view = Table(title=title or None, caption=CAPTION, title_justify="left", caption_justify="left")
    gains, losses = gains_over_earlier(result), swap_losses(result)
    heads = ["tracks", "true\nnotes", *HEADS.values(), "swap\nloss"]
    heads += ["earlier\nnotes", "difference"] if gains else []
    _add_columns(view, heads)
    keys = [f"{level}_f" for level in LEVELS]
    earlier = by_instrument(result, "earlier")
    for name, scores in by_instrument(result, "transcriber").items():
        counts = str(tracks_of(result, name)), str(notes_of(result, name))
        cells = [*counts, *_cells(scores, keys), _share(losses.get(name))]
        if gains:
            cells += [_share(earlier[name]["note_f"]), _signed(gains.get(name))]
        view.add_row(name, *cells)
    view.add_section()
    for method in methods_in(result):
        own = method == "transcriber"
        cells = ["", "", *_cells(overall(result, method), keys)]
        cells.append(_share(mean_of(list(losses.values()))) if own else "")
        if gains:
            cells += ["", _signed(mean_of(list(gains.values()))) if own else ""]
        view.add_row(f"mean: {TITLES[method]}", *cells, style="bold" if own else "")
    view.add_section()
    for method in unlabelled_in(result):
        cells = ["", "", *_cells(without_labels(result, method), keys)]
        style = "bold" if method == "transcriber" else ""
        view.add_row(f"without labels: {TITLES[method]}", *cells, style=style)
    return view


def precision_table(result: NoteEvaluation) -> Table:
    """Precision and recall of the transcriber, by instrument and without labels."""
    view = Table(title="Precision and recall", title_justify="left")
    heads = [f"{HEADS[level]}\n{score}" for level in LEVELS for score in ("P", "R")]
    _add_columns(view, heads)
    keys = [f"{level}_{score}" for level in LEVELS for score in ("precision", "recall")]
    for name, scores in by_instrument(result, "transcriber").items():
        view.add_row(name, *_cells(scores, keys))
    view.add_section()
    view.add_row("mean", *_cells(overall(result, "transcriber"), keys))
    view.add_row("without labels", *_cells(without_labels(result, "transcriber"), keys))
    return view


def swap_table(result: NoteEvaluation) -> Table:
    """Frame F of each instrument (row) under each condition (column)."""
    view = Table(title="Frame F by condition", title_justify="left")
    view.add_column("instrument ＼ condition")
    for name in result.instruments:
        view.add_column(name, justify="right")
    means = swap_means(result)
    for name, scores in by_instrument(result, "transcriber").items():
        own = Text(_share(scores["frame_f"]), "bold")
        others = (_share(means.get((name, condition))) for condition in result.instruments)
        pairs = zip(result.instruments, others, strict=True)
        view.add_row(name, *(own if condition == name else cell for condition, cell in pairs))
    return view


def absent_table(result: NoteEvaluation) -> Table:
    """How many notes are heard of absent instruments."""
    view = Table(title="Instruments without notes in the track", title_justify="left")
    view.add_column("instrument")
    view.add_column("tracks", justify="right")
    view.add_column("notes heard a minute", justify="right")
    for name, rate in false_notes(result).items():
        tracks = sum(found.instrument == name for found in result.absent)
        view.add_row(name, str(tracks), f"{rate:.1f}")
    return view


def summary(result: NoteEvaluation) -> str:
    """What was counted, in one line."""
    total = len(result.tracks) + len(result.skipped)
    parts = [f"{len(result.tracks)} of {total} tracks scored"]
    if result.skipped:
        parts.append(f"{len(result.skipped)} skipped")
    return "; ".join(parts)


def _add_columns(view: Table, heads: Sequence[str]) -> None:
    view.add_column("instrument")
    for head in heads:
        view.add_column(head, justify="right", no_wrap=True)


def _cells(scores: Scores, keys: Sequence[str]) -> list[str]:
    return [_share(scores[key]) for key in keys]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"
