"""An evaluation as tables for people and as plain data for JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.table import Table

from core.config import atomic_write
from core.errors import OutputExistsError
from core.evaluation import METHODS, Evaluation, Method, mean_scores

Scores = Mapping[str, float | None]
TITLES: dict[Method, str] = {
    "separator": "separator",
    "swapped": "with other conditions",
    "oracle": "oracle ratio mask",
    "mixture": "mixture",
    "silence": "silence",
}


def by_instrument(result: Evaluation, method: Method) -> dict[str, Scores]:
    """Instrument → mean scores over the tracks it plays in."""
    rows = [row for row in result.rows if row.method == method]
    return {
        name: mean_scores([row for row in rows if row.instrument == name])
        for name in result.instruments
        if any(row.instrument == name for row in rows)
    }


def overall(result: Evaluation, method: Method) -> Scores:
    """Mean over the instruments' means: each instrument counts once."""
    rows = by_instrument(result, method).values()
    means: dict[str, float | None] = {}
    for key in ("sdr", "sdr_improvement", "si_sdr", "si_sdr_improvement"):
        values = [value for row in rows if (value := row.get(key)) is not None]
        means[key] = float(np.mean(values)) if values else None
    return means


def swap_losses(result: Evaluation) -> dict[str, float]:
    """Instrument → dB of SI-SDR that it loses, on average, when its condition is another's."""
    own, swapped = by_instrument(result, "separator"), by_instrument(result, "swapped")
    losses = {}
    for name, scores in swapped.items():
        before, after = own[name]["si_sdr"], scores["si_sdr"]
        if before is not None and after is not None:
            losses[name] = before - after
    return losses


def swap_means(result: Evaluation) -> dict[tuple[str, str], float]:
    """(instrument, condition given instead of its own) → mean SI-SDR improvement in dB."""
    pairs: dict[tuple[str, str], list[float]] = {}
    for swap in result.swaps:
        pairs.setdefault((swap.instrument, swap.condition), []).append(swap.si_sdr_improvement)
    return {pair: float(np.mean(values)) for pair, values in pairs.items()}


def table(result: Evaluation, title: str = "") -> Table:
    """A line per instrument, then the means of the separator and of each baseline."""
    view = Table(title=title or None, caption=CAPTION, title_justify="left", caption_justify="left")
    view.add_column("instrument")
    for head in ("tracks", "SDR", "SDRi", "SI-SDR", "SI-SDRi", "swap loss", "oracle SI-SDRi"):
        view.add_column(head, justify="right")
    oracle, losses = by_instrument(result, "oracle"), swap_losses(result)
    for name, scores in by_instrument(result, "separator").items():
        tracks = sum(row.instrument == name and row.method == "mixture" for row in result.rows)
        best = oracle[name]["si_sdr_improvement"]
        view.add_row(name, str(tracks), *_cells(scores), _db(losses.get(name)), _db(best))
    view.add_section()
    for method in METHODS:
        if any(row.method == method for row in result.rows):
            loss = float(np.mean(list(losses.values()))) if losses else None
            shown = _db(loss) if method == "separator" else ""
            name, style = f"mean: {TITLES[method]}", "bold" if method == "separator" else ""
            view.add_row(name, "", *_cells(overall(result, method)), shown, "", style=style)
    return view


CAPTION = (
    "dB; SDRi and SI-SDRi: improvement over the mixture. Silence always has an SDR of 0. "
    "Swap loss: SI-SDR lost when the condition is another instrument's."
)


def swap_table(result: Evaluation) -> Table:
    """SI-SDR improvement of each instrument (row) under each condition (column)."""
    view = Table(title="SI-SDR improvement in dB by condition", title_justify="left")
    view.add_column("instrument ＼ condition")
    for name in result.instruments:
        view.add_column(name, justify="right")
    means = swap_means(result)
    for name, scores in by_instrument(result, "separator").items():
        own = f"[bold]{_db(scores['si_sdr_improvement'])}[/]"
        others = (_db(means.get((name, condition))) for condition in result.instruments)
        pairs = zip(result.instruments, others, strict=True)
        view.add_row(name, *(own if condition == name else cell for condition, cell in pairs))
    return view


def leak_table(result: Evaluation) -> Table:
    """How loud the stems of absent instruments are."""
    view = Table(title="Instruments that are not in the mixture", title_justify="left")
    view.add_column("instrument")
    view.add_column("tracks", justify="right")
    view.add_column("level of its stem, dB re mixture", justify="right")
    for name in result.instruments:
        levels = [leak.level for leak in result.leaks if leak.instrument == name]
        if levels:
            view.add_row(name, str(len(levels)), f"{float(np.mean(levels)):.1f}")
    return view


def as_data(result: Evaluation) -> dict[str, object]:
    """Everything, ready for JSON: means first, then every row."""
    return {
        "mean": {method: overall(result, method) for method in METHODS},
        "instruments": {
            name: {
                method: scores[name]
                for method in METHODS
                if name in (scores := by_instrument(result, method))
            }
            for name in result.instruments
        },
        "swap_loss": swap_losses(result),
        "rows": [asdict(row) for row in result.rows],
        "swaps": [asdict(swap) for swap in result.swaps],
        "absent": [asdict(leak) for leak in result.leaks],
    }


def refuse_existing(path: Path, overwrite: bool) -> None:
    """OutputExistsError when the file is there and may not be replaced."""
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists", hint="choose another name or use --overwrite")


def write_json(result: Evaluation, path: Path, overwrite: bool = False) -> None:
    """Write `as_data`; errors as `refuse_existing`."""
    refuse_existing(path, overwrite)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(as_data(result), indent=2) + "\n", encoding="utf-8")


def _cells(scores: Scores) -> list[str]:
    keys = ("sdr", "sdr_improvement", "si_sdr", "si_sdr_improvement")
    return [_db(scores[key]) for key in keys]


def _db(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
