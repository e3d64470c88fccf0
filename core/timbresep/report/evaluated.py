"""The page of an evaluation: a figure, the means, intervals, each track."""

from __future__ import annotations

from collections.abc import Sequence

from timbresep.evaluation.result import KEYS, Evaluation, Scores
from timbresep.evaluation.significance import Estimate
from timbresep.evaluation.summary import (
    by_instrument,
    compared_in,
    leak_means,
    methods_in,
    overall,
    tracks_of,
)
from timbresep.evaluation.table import (
    BSS_CAPTION,
    BSS_HEAD,
    CAPTION,
    INTERVAL_CAPTION,
    bss_rows,
    interval_head,
    interval_rows,
    lacking,
    summary,
    title_of,
)
from timbresep.figure import blank, png_of
from timbresep.report.page import Grid, Page, Picture, Section

HEADS = ("SDR", "SDRi", "SI-SDR", "SI-SDRi")
NO_BREAK = "\N{NO-BREAK SPACE}"


def evaluated_page(
    result: Evaluation, title: str, found: Sequence[Estimate] = (), reference: str = "separator"
) -> Page:
    """The page of an evaluation.

    Args:
        result: the scores.
        title: what was scored, on what.
        found: intervals, for the figure and a table.
        reference: the method that their differences are to.
    """
    sections = [
        Section("Means", [CAPTION], tables=[_means(result)], figures=[_figure(result, found)]),
        Section("Instruments", tables=[_instruments(result)]),
    ]
    if found:
        heads = [head.replace("\n", " ") for head in interval_head(found, reference)]
        whole = [[cell.replace(" ", NO_BREAK) for cell in row] for row in interval_rows(found)]
        grid = Grid(whole, heads, "", frozenset(range(2, len(heads))))
        sections.append(Section("Intervals", [INTERVAL_CAPTION], tables=[grid]))
    if result.bss:
        grid = Grid(bss_rows(result), BSS_HEAD, "", frozenset(range(2, len(BSS_HEAD))))
        sections.append(Section("BSSEval v4", [BSS_CAPTION], tables=[grid]))
    if levels := leak_means(result):
        rows = [(name, f"{level:.1f}") for name, level in levels.items()]
        grid = Grid(rows, ("instrument", "level of its stem, dB re mixture"), "", frozenset({1}))
        sections.append(Section("Instruments that are not in the mixture", tables=[grid]))
    sections.append(Section("Tracks", tables=[_tracks(result)]))
    if result.skipped:
        rows = [(item.track, item.reason) for item in result.skipped]
        sections.append(Section("Skipped", tables=[Grid(rows, ("track", "why"))]))
    return Page(title, summary(result), sections)


def _means(result: Evaluation) -> Grid:
    rows = [
        (title_of(way) + lacking(result, way), *_cells(overall(result, way)))
        for way in methods_in(result)
    ]
    return Grid(rows, ("mean over instruments", *HEADS), "", frozenset(range(1, 5)))


def _instruments(result: Evaluation) -> Grid:
    rows = []
    tables = {way: by_instrument(result, way) for way in [*compared_in(result), "oracle"]}
    for name in result.instruments:
        for way, scores in tables.items():
            if name in scores:
                count = str(tracks_of(result, name, way))
                rows.append((name, title_of(way), count, *_cells(scores[name])))
    return Grid(rows, ("instrument", "of", "tracks", *HEADS), "", frozenset(range(2, 7)))


def _tracks(result: Evaluation) -> Grid:
    compared = compared_in(result)
    rows = [
        (row.track, row.instrument, title_of(row.method), *_cells(vars(row)))
        for row in result.rows
        if row.method in compared
    ]
    return Grid(rows, ("track", "instrument", "of", *HEADS), "", frozenset(range(3, 7)))


def _figure(result: Evaluation, found: Sequence[Estimate]) -> Picture:
    """SI-SDR improvement of each instrument under each system, with intervals if there are."""
    names = [name for name in result.instruments if tracks_of(result, name)]
    ways = [*compared_in(result), "oracle"]
    figure = blank(8, 1.2 + 0.28 * len(names) * len(ways))
    axes = figure.subplots()
    ends = {
        (each.instrument, each.method): each.mean
        for each in found
        if each.score == "si_sdr_improvement"
    }
    for place, way in enumerate(ways):
        scores = by_instrument(result, way)
        lines = [n + 0.8 * (place + 0.5) / len(ways) - 0.4 for n in range(len(names))]
        values = [scores.get(name, {}).get("si_sdr_improvement") or 0.0 for name in names]
        axes.barh(lines, values, 0.75 / len(ways), label=title_of(way), color=f"C{place}")
        for line, name in zip(lines, names, strict=True):
            interval = ends.get((name, way))
            if interval is not None and interval.low is not None and interval.high is not None:
                axes.plot((interval.low, interval.high), (line, line), "k-", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(0, color="k", linewidth=0.5)
    axes.set_xlabel("SI-SDR improvement in dB")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    told = "Lines: 95 % intervals." if any(end.low is not None for end in ends.values()) else ""
    return Picture(
        "instruments",
        png_of(figure),
        "SI-SDR improvement of each instrument; the table below has the numbers",
        told,
    )


def _cells(scores: Scores) -> list[str]:
    values = [scores[key] for key in KEYS]
    return ["–" if value is None else f"{value:.1f}" for value in values]
