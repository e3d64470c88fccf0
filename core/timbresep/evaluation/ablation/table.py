"""An ablation as a table for people."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from timbresep.evaluation.ablation.run import Ablation

CAPTION = (
    "{name}; bold: the instrument's own condition. Shuffled: the values of its own condition in "
    "another order. {remark}"
)


def table(result: Ablation, title: str = "") -> Table:
    """A line for each instrument, a column for each condition; then the means."""
    caption = CAPTION.format(name=result.measure.name, remark=result.measure.remark).strip()
    view = Table(title=title or None, caption=caption, title_justify="left", caption_justify="left")
    view.add_column("instrument ＼ condition")
    heads = ["tracks", *result.conditions, "shuffled", "zero"]
    heads += [] if result.mean()["oracle"] is None else ["oracle ratio mask"]
    for head in heads:
        view.add_column(head, justify="right")
    shown = result.measure.shown
    for row in result.rows:
        cells = [
            Text(shown(row.true), "bold")
            if name == row.instrument
            else Text(shown(row.swapped[name]))
            for name in result.conditions
        ]
        ends = [shown(v) for v in (row.shuffled, row.zero, row.oracle) if v is not None]
        view.add_row(row.instrument, str(row.tracks), *cells, *ends)
    return view


def summary(result: Ablation) -> str:
    """The means in one line, and what each wrong condition costs."""
    means, measure = result.mean(), result.measure
    own = means["true"]
    if own is None:
        return "no instrument was scored"

    def said(value: float) -> str:
        return f"{measure.shown(value)}{measure.unit}"

    parts = [f"mean of {len(result.rows)} instruments: {said(own)} with the true condition"]
    for label in ("swapped", "shuffled", "zero"):
        value = means[label]
        if value is not None:
            parts.append(f"{said(value)} {label} (a loss of {said(own - value)})")
    return ", ".join(parts)
