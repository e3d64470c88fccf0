"""In what order the bars of a score are played: repeats, endings, da capo and dal segno."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from timbresep.errors import DataError

MOST_PLAYED = 50_000
"""Bars; longer than any piece, and what repeats within repeats would pass at once."""


@dataclass
class Bar:
    """A bar and its signs.

    Attributes:
        start: quarter notes from the beginning of the score as it is written.
        opens: a repeat begins before it.
        closes: how often the passage up to it is played, where a repeat ends after it; otherwise 0.
        endings: numbers of the brackets (voltas) it stands under.
        segno, coda, fine: signs in it. Of several coda signs the last marks the coda; from
            the others one goes there.
        jump: where one goes after it, once: the beginning or the sign.
    """

    start: float
    opens: bool = False
    closes: int = 0
    endings: frozenset[int] = frozenset()
    segno: bool = False
    coda: bool = False
    fine: bool = False
    jump: Literal["capo", "segno"] | None = None


def playing_order(bars: Sequence[Bar], *, repeats: bool = True) -> list[int]:
    """Indices of the bars as they are played.

    After da capo or dal segno, repeats are not taken again and last endings are played, up to the
    end, `fine`, or the sign from which one goes to the coda.

    Args:
        bars: as they are written.
        repeats: take them. Otherwise each passage is played once, with its last ending.

    Raises:
        DataError: the repeats make more than `MOST_PLAYED` bars.
    """
    last = _last_endings(bars)
    if not repeats:
        return [k for k, bar in enumerate(bars) if not bar.endings or last[k] in bar.endings]
    return _Player(bars, last).order()


def _last_endings(bars: Sequence[Bar]) -> list[int]:
    """The highest number among the brackets that stand together, for each bar under one."""
    last = [max(bar.endings, default=0) for bar in bars]
    for run in (range(1, len(bars)), range(len(bars) - 2, -1, -1)):
        for k in run:
            neighbour = k - run.step
            if bars[k].endings and bars[neighbour].endings:
                last[k] = max(last[k], last[neighbour])
    return last


class _Player:
    """Goes through the bars. `first` is where the passage that is repeated begins, `turn` counts
    how often it is played."""

    def __init__(self, bars: Sequence[Bar], last: Sequence[int]) -> None:
        self.bars, self.last = bars, last
        self.first, self.turn = 0, 1
        self.jumped = False
        self.taken: set[int] = set()
        codas = [k for k, bar in enumerate(bars) if bar.coda]
        self.leaves, self.coda = set(codas[:-1]), codas[-1] if codas else 0

    def order(self) -> list[int]:
        at, played = 0, list[int]()
        while at < len(self.bars):
            bar = self.bars[at]
            after_endings = at and self.bars[at - 1].endings and not bar.endings
            if at != self.first and (bar.opens or (after_endings and self.turn > 1)):
                self._begin(at)
            if bar.endings and (self.last[at] if self.jumped else self.turn) not in bar.endings:
                at += 1
                continue
            played.append(at)
            if len(played) > MOST_PLAYED:
                raise DataError(
                    f"its repeats make more than {MOST_PLAYED} bars", "read it without repeats"
                )
            if self.jumped and bar.fine:
                break
            at = self._next(at)
        return played

    def _begin(self, at: int) -> int:
        self.first, self.turn = at, 1
        return at

    def _next(self, at: int) -> int:
        bar = self.bars[at]
        if self.jumped and at in self.leaves:
            self.jumped = False
            return self._begin(self.coda)
        if bar.closes and not self.jumped:
            if self.turn < (max(2, self.last[at]) if bar.endings else bar.closes):
                self.turn += 1
                return self.first
            self._begin(at + 1)
        if bar.jump and at not in self.taken:
            self.taken.add(at)
            self.jumped = True
            return self._begin(self._target(at))
        return at + 1

    def _target(self, at: int) -> int:
        """Where the jump after a bar leads: to the last sign before it, or to the beginning."""
        if self.bars[at].jump == "capo":
            return 0
        return next((k for k in range(at, -1, -1) if self.bars[k].segno), 0)
