"""An evaluation for a paper: a LaTeX table, and a line for each stem as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from timbresep.evaluation.result import Evaluation, Row
from timbresep.evaluation.significance import Estimate, Interval
from timbresep.evaluation.store import write_rows
from timbresep.evaluation.summary import by_instrument, compared_in, overall, tracks_of
from timbresep.evaluation.table import lacking, title_of
from timbresep.files import write_text

SHOWN = {"sdr": "SDR", "si_sdr_improvement": "SI-SDRi"}
"""The scores of the table, by their keys."""
SPECIAL = {
    "\\": r"\textbackslash{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def write_csv(result: Evaluation, path: Path) -> None:
    """Write a line per track, instrument and method, in dB; errors as `atomic_write`."""
    write_rows(path, Row, result.rows)


def write_latex(result: Evaluation, path: Path, found: Sequence[Estimate] = ()) -> None:
    """Write the means as a table for LaTeX with booktabs; errors as `atomic_write`."""
    write_text(path, latex(result, found))


def latex(result: Evaluation, found: Sequence[Estimate] = ()) -> str:
    r"""A ``tabular``: a line per instrument and their mean, a pair of columns per system.

    The best of several systems is bold, unless their means are of different stems. It needs
    ``\usepackage{booktabs}``.

    Args:
        result: the scores.
        found: intervals, which are then given behind the means.
    """
    systems = compared_in(result)
    less = {system: lacking(result, system) for system in systems}
    heads = [_multi(len(SHOWN), escaped(title_of(system) + less[system])) for system in systems]
    names = [name for name in result.instruments if tracks_of(result, name)]
    between = {(each.instrument, each.method, each.score): each.mean for each in found}
    tables = {system: by_instrument(result, system) for system in systems}
    lines = [
        _line(name, [tables[system].get(name, {}) for system in systems], systems, between)
        for name in names
    ]
    means = [overall(result, system) for system in systems]
    mean = _line(None, means, systems, between, bold=not any(less.values()))
    counts = [str(tracks_of(result, name)) for name in names] + [str(len(result.tracks))]
    labels = [escaped(name.replace("_", " ")) for name in names] + ["mean"]
    rows = [
        " & ".join([label, count, *cells]) + r" \\"
        for label, count, cells in zip(labels, counts, [*lines, mean], strict=True)
    ]
    scores = [title for _ in systems for title in SHOWN.values()]
    return "\n".join(
        [
            "% Means over tracks in dB. The last line counts each instrument once.",
            r"\begin{tabular}{lr" + "r" * len(scores) + "}",
            r"\toprule",
            " & ".join(["", "", *heads]) + r" \\",
            " & ".join(["instrument", "tracks", *scores]) + r" \\",
            r"\midrule",
            *rows[:-1],
            r"\midrule",
            rows[-1],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """A text in which LaTeX sees no command."""
    return "".join(SPECIAL.get(sign, sign) for sign in text if sign.isprintable())


def _multi(columns: int, text: str) -> str:
    return rf"\multicolumn{{{columns}}}{{c}}{{{text}}}"


def _line(
    name: str | None,
    scores: Sequence[Mapping[str, float | None]],
    systems: Sequence[str],
    between: Mapping[tuple[str | None, str, str], Interval],
    *,
    bold: bool = True,
) -> list[str]:
    """The cells of an instrument, system by system."""
    best = {
        key: max((value for of in scores if (value := of.get(key)) is not None), default=None)
        for key in SHOWN
    }
    cells = []
    for system, of in zip(systems, scores, strict=True):
        for key in SHOWN:
            value = of.get(key)
            text = "--" if value is None else f"{value:.1f}"
            if bold and len(systems) > 1 and value is not None and value == best[key]:
                text = rf"\textbf{{{text}}}"
            interval = between.get((name, system, key))
            if interval is not None and interval.low is not None:
                text += rf" {{\scriptsize [{interval.low:.1f}, {interval.high:.1f}]}}"
            cells.append(text)
    return cells
