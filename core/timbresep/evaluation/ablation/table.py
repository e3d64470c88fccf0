"""An ablation as a table for people."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from timbresep.evaluation.ablation.run import Ablation

CAPTION = (
    "SI-SDR improvement over the mixture in dB; bold: the instrument's own condition. Shuffled: "
    "the values of its own condition in another order. A stem that is silent counts -100 dB."
)


def table(result: Ablation, title: str = "") -> Table:
    """A line for each instrument, a column for each condition; then the means."""
    view = Table(title=title or None, caption=CAPTION, title_justify="left", caption_justify="left")
    view.add_column("instrument ＼ condition")
    for head in ("tracks", *result.conditions, "shuffled", "zero", "oracle ratio mask"):
        view.add_column(head, justify="right")
    for row in result.rows:
        cells = [
            Text(f"{row.true:.1f}", "bold")
            if name == row.instrument
            else Text(f"{row.swapped[name]:.1f}")
            for name in result.conditions
        ]
        ends = (f"{value:.1f}" for value in (row.shuffled, row.zero, row.oracle))
        view.add_row(row.instrument, str(row.tracks), *cells, *ends)
    return view


def summary(result: Ablation) -> str:
    """The means in one line, and what each wrong condition costs."""
    means = result.mean()
    own = means["true"]
    parts = [f"mean of {len(result.rows)} instruments: {_db(own)} with the true condition"]
    for label in ("swapped", "shuffled", "zero"):
        value = means[label]
        if own is not None and value is not None:
            parts.append(f"{_db(value)} {label} (a loss of {_db(own - value)})")
    return ", ".join(parts)


def _db(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 1) + 0.0:.1f} dB"  # no -0.0
