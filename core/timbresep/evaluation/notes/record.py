"""An evaluation of notes as files: every number as JSON, and tables as CSV."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from timbresep import files
from timbresep.evaluation.notes.measures import END_S, END_SHARE, FRAME_S, KEYS, ONSET_S
from timbresep.evaluation.notes.result import FalseNotes, NoteEvaluation, NoteRow
from timbresep.evaluation.notes.summary import (
    by_instrument,
    false_notes,
    gains_over_earlier,
    methods_in,
    overall,
    swap_losses,
    tracks_of,
    unlabelled_in,
    without_labels,
)
from timbresep.evaluation.store import write_rows, write_table


def write(result: NoteEvaluation, folder: Path) -> None:
    """Write `scores.json` and the tables into a folder."""
    files.write_json(folder / "scores.json", as_data(result))
    write_rows(folder / "scores.csv", NoteRow, [*result.rows, *result.everyone])
    write_rows(folder / "absent.csv", FalseNotes, result.absent)
    rows = (
        [name, method, tracks_of(result, name), *(scores[key] for key in KEYS)]
        for method in methods_in(result)
        for name, scores in by_instrument(result, method).items()
    )
    write_table(folder / "instruments.csv", ["instrument", "method", "tracks", *KEYS], rows)


def as_data(result: NoteEvaluation) -> dict[str, object]:
    """Everything, ready for JSON: counts and means first, then every row."""
    methods = methods_in(result)
    return {
        "summary": {
            "tracks": len(result.tracks),
            "skipped": [asdict(item) for item in result.skipped],
        },
        "definition": {
            "frame_s": FRAME_S,
            "onset_s": ONSET_S,
            "offset_share": END_SHARE,
            "offset_s": END_S,
        },
        "without_labels": {
            method: without_labels(result, method) for method in unlabelled_in(result)
        },
        "mean": {method: overall(result, method) for method in methods},
        "instruments": {
            name: {
                method: scores[name]
                for method in methods
                if name in (scores := by_instrument(result, method))
            }
            for name in result.instruments
        },
        "swap_loss": swap_losses(result),
        "gain_over_earlier": gains_over_earlier(result),
        "absent_notes_per_minute": false_notes(result),
        "remarks": {track.track: track.remarks for track in result.tracks if track.remarks},
        "rows": [asdict(row) for row in result.rows],
        "everyone": [asdict(row) for row in result.everyone],
        "swaps": [asdict(swap) for swap in result.swaps],
        "absent": [asdict(found) for found in result.absent],
    }
