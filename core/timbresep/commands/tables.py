"""Tables that fit where they are shown: narrower columns, else rows for columns, else a list.

Nothing in a table is ever cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

FRAME = 1
"""Columns that a table takes at its left edge."""

PADDING = 3
"""Columns that a cell takes beside its text: a space on both sides, and a line."""

INDENT = 2
"""Columns before an entry of a list."""

LONGEST_WORD = 20
"""Columns that a word may always have; a longer one, such as a path, goes on in the next line."""

LONGEST_HEAD = 16
"""Columns of the heads in a list, at most."""

NUMBER = re.compile(r"[+−–-]?\d|–?$")
"""How a cell of numbers begins: with one, or it is empty or a dash."""


@dataclass(frozen=True)
class _Cells:
    """What is in a table: its heads, and rows of as many cells.

    Attributes:
        heads: of the columns.
        rows: cells, in the style of their row.
        numeric: whether most columns are of numbers.
    """

    heads: list[Text]
    rows: list[list[Text]]
    numeric: bool


def fitted(view: Table, console: Console) -> RenderableType:
    """A table as it can be shown: itself, or what takes its place where it is too wide.

    Args:
        view: has cells of text.
        console: where it is shown.

    Returns:
        The table, with columns narrowed to their words at most; else, for one of numbers, tables
        of its rows as columns, as many side by side as there is room for; else a list of its rows.
    """
    needs = [_of_column(console, column) for column in view.columns]
    if _total([each.minimum for each in needs]) <= console.width:
        widths = _shared_out(needs, console.width)
        for column, width in zip(view.columns, widths, strict=True):
            column.width, column.overflow = width, "fold"
        return view
    cells = _cells(view)
    turned = list(_turned(cells, console)) if cells.numeric else []
    return Group(*_title(view.title), *(turned or _list(cells)), *_title(view.caption))


def _of_column(console: Console, column: Column) -> Measurement:
    """What a column needs; one that may not wrap needs all of it."""
    found = _needs(console, [_text(column.header), *map(_text, column.cells)])
    return Measurement(found.maximum, found.maximum) if column.no_wrap else found


def _text(cell: RenderableType) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text(str(cell))


def _needs(console: Console, texts: Sequence[Text]) -> Measurement:
    """Columns of the longest word, as far as it must be whole, and of the longest line."""
    wide = console.options.update(max_width=10**6)
    found = [Measurement.get(console, wide, text) for text in texts]
    word = max(min(each.minimum, LONGEST_WORD) for each in found)
    return Measurement(word, max(each.maximum for each in found))


def _total(widths: Sequence[int]) -> int:
    """Columns of a table whose columns have these widths."""
    return FRAME + sum(width + PADDING for width in widths)


def _shared_out(needs: Sequence[Measurement], room: int) -> list[int]:
    """Widths of columns: each has its longest word, and the narrow ones get all they want first."""
    widths = [each.minimum for each in needs]
    left = room - _total(widths)
    waiting = sorted(range(len(needs)), key=lambda k: needs[k].span)
    for position, k in enumerate(waiting):
        more = min(needs[k].span, left // (len(waiting) - position))
        widths[k] += more
        left -= more
    return widths


def _cells(view: Table) -> _Cells:
    columns = [[_text(cell) for cell in column.cells] for column in view.columns]
    rows = [list(row) for row in zip(*columns, strict=True)]
    for row, cells in zip(view.rows, rows, strict=True):
        for cell in cells:
            cell.stylize_before(row.style or "")
    numbers = sum(all(NUMBER.match(cell.plain) for cell in column) for column in columns)
    heads = [Text(" ".join(_text(column.header).plain.split())) for column in view.columns]
    return _Cells(heads, rows, 2 * numbers >= len(columns))


def _title(text: RenderableType | None) -> Iterator[RenderableType]:
    if text is not None:
        yield Text(str(text), "italic")


def _turned(cells: _Cells, console: Console) -> Iterator[Table]:
    """Tables with a column for each row; none if not even one column has room."""
    label = _needs(console, cells.heads)
    room = console.width
    first = min(label.maximum, max(label.minimum, room // 3))
    needs = [_needs(console, row) for row in cells.rows]
    if not needs or max(_total([first, each.minimum]) for each in needs) > room:
        return
    start = 0
    while start < len(needs):
        stop = start + 1
        while stop < len(needs) and (
            _total([first, *(each.minimum for each in needs[start : stop + 1])]) <= room
        ):
            stop += 1
        yield _block(cells, range(start, stop), first, needs[start:stop], room)
        start = stop


def _block(
    cells: _Cells, rows: range, first: int, needs: Sequence[Measurement], room: int
) -> Table:
    """One table with the rows given as its columns."""
    widths = _shared_out([Measurement(first, first), *needs], room)
    view = Table(show_header=True)
    view.add_column(cells.heads[0], width=widths[0], overflow="fold")
    for k, width in zip(rows, widths[1:], strict=True):
        view.add_column(cells.rows[k][0], width=width, justify="right", overflow="fold")
    for k, head in enumerate(cells.heads[1:], start=1):
        view.add_row(head, *(cells.rows[row][k] for row in rows))
    return view


def _list(cells: _Cells) -> Iterator[RenderableType]:
    """An entry for each row: what tells it from others, and below it all that says something."""
    named = _names(cells)
    heads = cells.heads[named:]
    label = max((head.cell_len for head in heads), default=0)
    for row in cells.rows:
        if (name := Text(" ").join(row[:named])).plain.strip():
            yield name
        entry = Table.grid(padding=(0, 1), pad_edge=False)
        entry.add_column(width=INDENT)
        entry.add_column(width=min(label, LONGEST_HEAD), overflow="fold")
        entry.add_column(overflow="fold")
        for head, cell in zip(heads, row[named:], strict=True):
            if cell.plain.strip():
                entry.add_row("", head, cell)
        yield entry


def _names(cells: _Cells) -> int:
    """How many cells at the beginning of a row tell it from all others; 1 if none do."""
    for count in range(1, len(cells.heads)):
        names = {tuple(cell.plain for cell in row[:count]) for row in cells.rows}
        if len(names) == len(cells.rows):
            return count
    return 1
