"""The page of an ablation: what each instrument loses without its own condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timbresep.evaluation.ablation import picture
from timbresep.evaluation.ablation.run import Ablation, AblationRow
from timbresep.evaluation.ablation.table import summary
from timbresep.figure import blank, png_of
from timbresep.report.page import Grid, Page, Picture, Section

WAYS = ("swapped", "shuffled", "zero")
ASKED = (
    "The same model is asked for each instrument with its own condition, and with others. Swapped: "
    "the condition of another instrument. Shuffled: the values of its own, in another order. Zero: "
    "no condition. What a wrong condition costs is what the right one is worth."
)

COLOURS = "Blue is better than the mixture, red is worse; the colours end at the oracle mask."


@dataclass(frozen=True)
class Loss:
    """What an instrument loses with conditions that are not its own.

    Attributes:
        instrument: its name.
        swapped: other condition → loss.
        shuffled, zero: the loss with these.
    """

    instrument: str
    swapped: dict[str, float]
    shuffled: float
    zero: float

    @classmethod
    def of(cls, row: AblationRow) -> Loss:
        """The losses of a row."""
        swapped = {name: row.true - value for name, value in row.swapped.items()}
        return cls(row.instrument, swapped, row.true - row.shuffled, row.true - row.zero)

    @property
    def mean(self) -> float | None:
        """The mean of all swaps; None if there was no other condition."""
        return sum(self.swapped.values()) / len(self.swapped) if self.swapped else None

    @property
    def nearest(self) -> str:
        """The other condition that costs least."""
        return min(self.swapped, key=self.swapped.__getitem__, default="")


def ablated_page(result: Ablation, title: str) -> Page:
    """The page of an ablation.

    Args:
        result: what was found.
        title: what was ablated, on what.
    """
    losses = [Loss.of(row) for row in result.rows]
    remark = f"{result.measure.name}. {result.measure.remark}".strip()
    sections = [
        Section(
            "What a wrong condition costs",
            [ASKED],
            [],
            [_costs(result, losses)],
            [_chart(result, losses)],
        ),
        Section("Every condition", [remark], [], [_matrix(result)], [_picture(result)]),
    ]
    return Page(title, summary(result), sections)


def _costs(result: Ablation, losses: Sequence[Loss]) -> Grid:
    shown = result.measure.shown
    rows = []
    for row, loss in zip(result.rows, losses, strict=True):
        swapped = "–" if loss.mean is None else shown(loss.mean)
        ends = (shown(loss.shuffled), shown(loss.zero), loss.nearest)
        rows.append((row.instrument, str(row.tracks), shown(row.true), swapped, *ends))
    head = ("instrument", "tracks", "own condition", *(f"loss, {way}" for way in WAYS))
    return Grid(rows, (*head, "costs least"), "", frozenset(range(1, 6)))


def _matrix(result: Ablation) -> Grid:
    shown = result.measure.shown
    rows = []
    for row in result.rows:
        given = {**row.swapped, row.instrument: row.true}
        oracle = "–" if row.oracle is None else shown(row.oracle)
        cells = [shown(given[name]) for name in result.conditions]
        rows.append((row.instrument, *cells, shown(row.shuffled), shown(row.zero), oracle))
    head = ("instrument", *result.conditions, "shuffled", "zero", "oracle ratio mask")
    return Grid(rows, head, "", frozenset(range(1, len(head))))


def _picture(result: Ablation) -> Picture:
    figure = blank(*picture.size(result))
    picture.fill(figure, result)
    return Picture(
        "conditions",
        png_of(figure),
        "Score of each instrument under each condition; the table has the numbers",
        COLOURS if result.mean()["oracle"] is not None else "",
    )


def _chart(result: Ablation, losses: Sequence[Loss]) -> Picture:
    """A bar for each kind of wrong condition; a dot for each other instrument's."""
    figure = blank(8, 1.3 + 0.75 * len(losses))
    axes = figure.subplots()
    places = range(len(losses))
    kinds = {
        "swapped": [loss.mean or 0.0 for loss in losses],
        "shuffled": [loss.shuffled for loss in losses],
        "zero": [loss.zero for loss in losses],
    }
    for number, (kind, values) in enumerate(kinds.items()):
        lines = [place + 0.27 * (number - 1) for place in places]
        label = "swapped, mean" if kind == "swapped" else kind
        axes.barh(lines, values, 0.25, label=label, color=f"C{number}")
    for place, loss in zip(places, losses, strict=True):
        values = list(loss.swapped.values())
        axes.plot(values, [place - 0.27] * len(values), "k.", ms=3)
    axes.set_yticks(places, [loss.instrument for loss in losses])
    axes.invert_yaxis()
    axes.axvline(0, color="k", linewidth=0.5)
    unit = f" in{result.measure.unit}" if result.measure.unit else ""
    axes.set_xlabel(f"loss{unit} against the own condition")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return Picture(
        "losses",
        png_of(figure),
        "What each instrument loses with wrong conditions; the table has the numbers",
        "Dots: the condition of each other instrument.",
    )
