"""Ask a separator for each instrument with conditions that are not its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbresep.data.track import Track
from timbresep.evaluation.result import Evaluation, Method, mean_of
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.tracks import Skip
from timbresep.evaluation.workers import Report
from timbresep.separation.separator import Separator

SHUFFLE_SEED = 0

ZERO = "(zero)"  # no instrument can have this name


@dataclass(frozen=True)
class Measure:
    """What an ablation compares.

    Attributes:
        name: of the score.
        unit: what stands behind a number, if anything does.
        digits: decimals that are shown.
        remark: what a reader of a table should know.
    """

    name: str
    unit: str = ""
    digits: int = 2
    remark: str = ""

    def shown(self, value: float) -> str:
        """A number as tables have it."""
        return f"{round(value, self.digits) + 0.0:.{self.digits}f}"  # no -0.0


SEPARATED = Measure(
    "SI-SDR improvement over the mixture in dB", " dB", 1, "A stem that is silent counts -100 dB."
)


@dataclass(frozen=True)
class AblationRow:
    """Score of one instrument, mean over the tracks it plays in.

    Attributes:
        instrument: whose stem or notes are the reference.
        tracks: how many there are.
        true: with its own condition.
        swapped: with each other instrument's condition.
        shuffled: with the values of its own condition in another order.
        zero: with zeros.
        oracle: of the ratio mask made from the stems; notes have none.
    """

    instrument: str
    tracks: int
    true: float
    swapped: Mapping[str, float]
    shuffled: float
    zero: float
    oracle: float | None = None


@dataclass(frozen=True)
class Ablation:
    """A row for each instrument that plays in a track, and the conditions that were tried."""

    conditions: tuple[str, ...]
    rows: tuple[AblationRow, ...]
    measure: Measure = SEPARATED

    def mean(self) -> Mapping[str, float | None]:
        """Means over the instruments: true, swapped, shuffled, zero, oracle."""
        swapped = [mean_of(list(row.swapped.values())) for row in self.rows]
        return {
            "true": mean_of([row.true for row in self.rows]),
            "swapped": mean_of(swapped),
            "shuffled": mean_of([row.shuffled for row in self.rows]),
            "zero": mean_of([row.zero for row in self.rows]),
            "oracle": mean_of([row.oracle for row in self.rows]),
        }


def ablate(
    separator: Separator,
    tracks: Sequence[Track],
    instruments: Sequence[str] | None = None,
    *,
    report: Report | None = None,
    skip: Skip | None = None,
) -> Ablation:
    """Score every instrument with every condition, in one pass over the tracks.

    Args:
        separator: knows the instruments.
        tracks: multitracks; stems that are no known instrument only accompany.
        instruments: whose conditions to try; those that the separator was opened for by default.
        report: called with the progress.
        skip: called with each track that cannot be scored; without it, the first is an error.

    Raises:
        DataError: no track has a stem of these instruments, or none can be scored.
        AudioError: a stem cannot be read, or has more than two channels.
    """
    names = tuple(instruments or separator.asked)
    wrong = wrong_conditions({name: separator.condition(name) for name in names})
    # Neither shuffled values nor zeros bring an adapted instrument's own modulations with them.
    # No joint masking: the effect of one condition is measured, without that of the others.
    places = {shuffled_name(name): name for name in names}
    tried = separator.with_options(joint=False, refine=False).with_conditions(wrong, places)
    result = evaluate(tried, tracks, [*names, *wrong], report=report, skip=skip)
    played = {row.instrument for row in result.rows}
    return Ablation(names, tuple(_row(result, name, names) for name in names if name in played))


def wrong_conditions(
    conditions: Mapping[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """Name → condition (dim,): each one's values in another order, and zeros."""
    wrong = {shuffled_name(name): shuffled(vector) for name, vector in conditions.items()}
    wrong[ZERO] = np.zeros_like(next(iter(wrong.values())))
    return wrong


def shuffled(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values of a condition (dim,) in another order, always the same one."""
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(vector))
    return vector[order]


def shuffled_name(name: str) -> str:
    """What an instrument's shuffled condition is called."""
    return f"{name} (shuffled)"


def _row(result: Evaluation, name: str, names: Sequence[str]) -> AblationRow:
    def gains(method: Method) -> list[float]:
        rows = [row for row in result.rows if (row.instrument, row.method) == (name, method)]
        return [row.si_sdr_improvement for row in rows if row.si_sdr_improvement is not None]

    def given(condition: str) -> float:
        swaps = [s for s in result.swaps if (s.instrument, s.condition) == (name, condition)]
        return float(np.mean([swap.si_sdr_improvement for swap in swaps]))

    return AblationRow(
        instrument=name,
        tracks=len(gains("separator")),
        true=float(np.mean(gains("separator"))),
        swapped={other: given(other) for other in names if other != name},
        shuffled=given(shuffled_name(name)),
        zero=given(ZERO),
        oracle=float(np.mean(gains("oracle"))),
    )
