"""An evaluation as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from timbresep.evaluation.result import (
    BSS_KEYS,
    KEYS,
    METHODS,
    Evaluation,
    Method,
    Scores,
    mean_of,
)
from timbresep.evaluation.significance import LEVEL, SCORES, Estimate, Interval
from timbresep.evaluation.summary import (
    bss_medians,
    by_instrument,
    gains_over_earlier,
    leak_means,
    measured_by_bss,
    methods_in,
    mixtures_unlike_their_stems,
    overall,
    swap_losses,
    swap_means,
    systems_in,
    tracks_of,
    without_target,
)

TITLES: dict[Method, str] = {
    "separator": "separator",
    "independent": "separator, each stem by itself",
    "consistent": "separator, with mixture consistency",
    "earlier": "earlier checkpoint",
    "swapped": "with other conditions",
    "oracle": "oracle ratio mask",
    "mixture": "mixture",
    "silence": "silence",
}
CAPTION = (
    "dB; SDRi and SI-SDRi: improvement over the mixture. SDR is of the whole track, without "
    "filters (also called SNR); silence always has an SDR of 0. "
    "Swap loss: SI-SDR lost when the condition is another instrument's. "
    "Each stem by itself: as with --independent. With mixture consistency: as with "
    "--mixture-consistency, in tracks all of whose stems are asked for."
)
BSS_HEAD = ("source", "of", "tracks", *(key.upper() for key in BSS_KEYS))
BSS_CAPTION = (
    "dB, by museval: medians over frames of 1 s, then over tracks. What accompanies the "
    "instruments is what their stems leave of the mixture."
)

INTERVAL_CAPTION = (
    "dB. Percentile intervals of a paired bootstrap over tracks, 10,000 resamples (Efron and "
    "Tibshirani 1993). * the interval of the difference is without 0."
)


def table(result: Evaluation, title: str = "") -> Table:
    """A line per instrument, then the means of the separator and of each baseline."""
    view = Table(title=title or None, caption=CAPTION, title_justify="left", caption_justify="left")
    view.add_column("instrument")
    heads = ["tracks", "SDR", "SDRi", "SI-SDR", "SI-SDRi", "swap loss", "oracle SI-SDRi"]
    gains, losses = gains_over_earlier(result), swap_losses(result)
    consistent = by_instrument(result, "consistent")
    if consistent:
        heads.append("SI-SDRi, mixture\nconsistency")
    if gains:
        heads += ["earlier SI-SDRi", "difference"]
    systems = {name: by_instrument(result, name) for name in systems_in(result)}
    heads += [f"{name}\nSI-SDRi" for name in systems]
    for head in heads:
        view.add_column(head, justify="right")
    oracle, earlier = by_instrument(result, "oracle"), by_instrument(result, "earlier")
    for name, scores in by_instrument(result, "separator").items():
        cells = [*_cells(scores, KEYS), _db(losses.get(name))]
        cells.append(_db(oracle[name]["si_sdr_improvement"]))
        if consistent:
            whole = consistent.get(name)
            cells.append(_db(whole["si_sdr_improvement"] if whole else None))
        if gains:
            cells += [_db(earlier[name]["si_sdr_improvement"]), _signed(gains.get(name))]
        cells += [_of_system(result, name, system, found) for system, found in systems.items()]
        view.add_row(name, str(tracks_of(result, name)), *cells)
    view.add_section()
    for method in methods_in(result):
        own = method == "separator"
        cells = ["", *_cells(overall(result, method), KEYS)]
        cells += [_db(mean_of(list(losses.values()))) if own else "", ""]
        cells += [""] if consistent else []
        if gains:
            cells += ["", _signed(mean_of(list(gains.values()))) if own else ""]
        cells += [""] * len(systems)
        title = f"mean: {title_of(method)}{lacking(result, method)}"
        view.add_row(title, *cells, style="bold" if own else "")
    return view


def lacking(result: Evaluation, method: str) -> str:
    """Of how many stems another system's mean is, where it lacks some: it is of other stems."""
    has, all_stems = (sum(row.method == of for row in result.rows) for of in (method, "mixture"))
    return f" ({has} of {all_stems} stems)" if method not in METHODS and has < all_stems else ""


def title_of(method: str) -> str:
    """What people call a method; another system has its name."""
    return {str(way): title for way, title in TITLES.items()}.get(method, method)


def _of_system(result: Evaluation, name: str, system: str, found: Mapping[str, Scores]) -> str:
    """Another system's score of an instrument, with the number of its tracks where some lack."""
    tracks = tracks_of(result, name, system)
    cell = _db(found[name]["si_sdr_improvement"] if name in found else None)
    return cell if tracks in (0, tracks_of(result, name)) else f"{cell} (n={tracks})"


def interval_table(found: Sequence[Estimate], reference: str) -> Table:
    """Means with their intervals, and differences to the reference."""
    view = Table(
        title=f"{100 * LEVEL:.0f} % intervals", caption=INTERVAL_CAPTION, title_justify="left"
    )
    view.caption_justify = "left"
    for head in interval_head(found, reference):
        view.add_column(head, justify="left" if head in ("instrument", "of") else "right")
    for row in interval_rows(found):
        view.add_row(*row, style="bold" if row[0] == "mean" else "")
    return view


def interval_head(found: Sequence[Estimate], reference: str) -> list[str]:
    """The heads of the columns of `interval_rows`."""
    heads = ["instrument", "of", "tracks", "SDR", "SI-SDRi"]
    if any(each.difference for each in found):
        heads += ["pairs", *(f"{key}, ahead of\n{title_of(reference)}" for key in heads[-2:])]
    return heads


def interval_rows(found: Sequence[Estimate]) -> list[list[str]]:
    """A row per instrument and system, the means over instruments first."""
    by = {(each.instrument, each.method, each.score): each for each in found}
    differs = any(each.difference for each in found)
    rows = []
    order = list(dict.fromkeys(each.instrument for each in found))
    pairs = dict.fromkeys((each.instrument, each.method) for each in found)
    for name, method in sorted(pairs, key=lambda of: order.index(of[0])):
        pair = [by[name, method, score] for score in SCORES]
        row = [name or "mean", title_of(method), str(pair[0].tracks)]
        row += [_between(each.mean) for each in pair]
        if differs:
            apart = [_between(each.difference, sign="+") for each in pair]
            row += [str(pair[0].pairs) if pair[0].difference else "", *apart]
        rows.append(row)
    return rows


def _between(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return ""
    mean = f"{interval.mean:{sign}.1f}"
    if interval.low is None:
        return mean
    star = "*" if sign and interval.excludes_zero else ""
    return f"{mean}{star} [{interval.low:{sign}.1f}, {interval.high:{sign}.1f}]"


def bss_table(result: Evaluation) -> Table:
    """BSSEval v4 of each source under each method that it was measured for."""
    view = Table(title="BSSEval v4", caption=BSS_CAPTION, title_justify="left")
    view.caption_justify = "left"
    for head in BSS_HEAD:
        view.add_column(head, justify="left" if head in ("source", "of") else "right")
    for row in bss_rows(result):
        view.add_row(*row, style="bold" if row[1] == TITLES["separator"] else "")
    return view


def bss_rows(result: Evaluation) -> list[list[str]]:
    """A row of cells per source and system, with `BSS_HEAD` above."""
    tables = {method: bss_medians(result, method) for method in measured_by_bss(result)}
    rows = []
    for source in dict.fromkeys(source for found in tables.values() for source in found):
        for method, found in tables.items():
            if source in found:
                of = [row for row in result.bss if (row.source, row.method) == (source, method)]
                cells = _cells(found[source], BSS_KEYS)
                rows.append([source, title_of(method), str(len(of)), *cells])
    return rows


def swap_table(result: Evaluation) -> Table:
    """SI-SDR improvement of each instrument (row) under each condition (column)."""
    view = Table(title="SI-SDR improvement in dB by condition", title_justify="left")
    view.add_column("instrument ＼ condition")
    for name in result.instruments:
        view.add_column(name, justify="right")
    means = swap_means(result)
    for name, scores in by_instrument(result, "separator").items():
        own = Text(_db(scores["si_sdr_improvement"]), "bold")
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
    for name, level in leak_means(result).items():
        tracks = sum(leak.instrument == name for leak in result.leaks)
        view.add_row(name, str(tracks), f"{level:.1f}")
    return view


def summary(result: Evaluation) -> str:
    """What was counted, in one line."""
    total = len(result.tracks) + len(result.skipped)
    parts = [f"{len(result.tracks)} of {total} tracks scored"]
    if result.skipped:
        parts.append(f"{len(result.skipped)} skipped")
    if odd := mixtures_unlike_their_stems(result):
        parts.append(f"{len(odd)} with a mixture that is not the sum of its stems")
    if empty := without_target(result):
        parts.append(f"{len(empty)} without any of the instruments (leakage only)")
    return "; ".join(parts)


def _cells(scores: Scores, keys: Sequence[str]) -> list[str]:
    return [_db(scores[key]) for key in keys]


def _db(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}"
