"""A separator's evaluation as files: every number as JSON, and tables as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from timbresep import files
from timbresep.evaluation.result import KEYS, METHODS, BssRow, Evaluation, Leak, Row
from timbresep.evaluation.store import write_rows, write_table
from timbresep.evaluation.summary import (
    bss_medians,
    by_instrument,
    gains_over_earlier,
    leak_means,
    measured_by_bss,
    medians,
    methods_in,
    mixtures_unlike_their_stems,
    overall,
    swap_losses,
    systems_in,
    tracks_of,
    without_target,
)


def write(result: Evaluation, folder: Path) -> None:
    """Write `scores.json` and the tables into a folder."""
    files.write_json(folder / "scores.json", as_data(result))
    write_rows(folder / "scores.csv", Row, result.rows)
    write_rows(folder / "absent.csv", Leak, result.leaks)
    if result.bss:
        write_rows(folder / "bsseval.csv", BssRow, result.bss)
    head = ["instrument", "method", "statistic", "tracks", *KEYS]
    write_table(folder / "instruments.csv", head, _instruments(result))


def as_data(result: Evaluation) -> dict[str, object]:
    """Everything, ready for JSON: counts and means first, then every row."""
    return {
        "summary": {
            "tracks": len(result.tracks),
            "skipped": [asdict(item) for item in result.skipped],
            "without_target": without_target(result),
            "mixture_is_not_the_sum": mixtures_unlike_their_stems(result),
        },
        "mean": {method: overall(result, method) for method in (*METHODS, *systems_in(result))},
        "instruments": {
            name: {
                method: scores[name]
                for method in methods_in(result)
                if name in (scores := by_instrument(result, method))
            }
            for name in result.instruments
        },
        "medians": {method: medians(result, method) for method in methods_in(result)},
        "swap_loss": swap_losses(result),
        "gain_over_earlier": gains_over_earlier(result),
        "absent_mean": leak_means(result),
        "bsseval": {way: bss_medians(result, way) for way in measured_by_bss(result)},
        "notes": {track.track: track.notes for track in result.tracks if track.notes},
        "mixture_error": {
            track.track: track.mixture_error
            for track in result.tracks
            if track.mixture_error is not None
        },
        "rows": [asdict(row) for row in result.rows],
        "swaps": [asdict(swap) for swap in result.swaps],
        "absent": [asdict(leak) for leak in result.leaks],
        "bsseval_rows": [asdict(row) for row in result.bss],
    }


def _instruments(result: Evaluation) -> Iterator[list[object]]:
    for method in methods_in(result):
        for statistic, table in (("mean", by_instrument), ("median", medians)):
            for name, scores in table(result, method).items():
                count = tracks_of(result, name, method)
                yield [name, method, statistic, count, *(scores[key] for key in KEYS)]
