"""An evaluation as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from timbresep.evaluation.result import BSS_KEYS, KEYS, METHODS, Evaluation, Method, Scores, mean_of
from timbresep.evaluation.summary import (
    bss_medians,
    by_instrument,
    gains_over_earlier,
    leak_means,
    methods_in,
    mixtures_unlike_their_stems,
    overall,
    swap_losses,
    swap_means,
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
BSS_CAPTION = (
    "dB, by museval: medians over frames of 1 s, then over tracks. What accompanies the "
    "instruments is what their stems leave of the mixture."
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
        view.add_row(name, str(tracks_of(result, name)), *cells)
    view.add_section()
    for method in methods_in(result):
        own = method == "separator"
        cells = ["", *_cells(overall(result, method), KEYS)]
        cells += [_db(mean_of(list(losses.values()))) if own else "", ""]
        cells += [""] if consistent else []
        if gains:
            cells += ["", _signed(mean_of(list(gains.values()))) if own else ""]
        view.add_row(f"mean: {TITLES[method]}", *cells, style="bold" if own else "")
    return view


def bss_table(result: Evaluation) -> Table:
    """BSSEval v4 of each source under each method that it was measured for."""
    view = Table(title="BSSEval v4", caption=BSS_CAPTION, title_justify="left")
    view.caption_justify = "left"
    view.add_column("source")
    view.add_column("of")
    for key in ("tracks", *BSS_KEYS):
        view.add_column(key if key == "tracks" else key.upper(), justify="right")
    tables = {method: bss_medians(result, method) for method in METHODS}
    for source in dict.fromkeys(source for found in tables.values() for source in found):
        for method, found in tables.items():
            if source in found:
                rows = [row for row in result.bss if (row.source, row.method) == (source, method)]
                cells = _cells(found[source], BSS_KEYS)
                style = "bold" if method == "separator" else ""
                view.add_row(source, TITLES[method], str(len(rows)), *cells, style=style)
    return view


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
