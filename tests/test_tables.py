"""Tables at every width: no number is cut, and no line is longer than the terminal."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from rich.table import Table

import cli
from terminals import on_a_terminal
from timbresep.commands import listing
from timbresep.commands.tables import fitted
from timbresep.evaluation import table as evaluation_table
from timbresep.evaluation.ablation import table as ablation_table
from timbresep.evaluation.ablation.run import Ablation, AblationRow
from timbresep.evaluation.result import Evaluation, Row, Swap, TrackScores

WIDTHS = (40, 60, 80, 100, 140)
NAMES = ("violin", "acoustic_guitar", "flute", "bass", "trumpet", "electric_guitar", "horn")
NUMBER = re.compile(r"-?\d+\.\d+")


def evaluation() -> Evaluation:
    """Scores of seven instruments, every number of them another."""
    result = Evaluation(NAMES)
    methods = ("separator", "consistent", "oracle", "mixture", "silence", "swapped")
    for k, method in enumerate(methods):
        for n, name in enumerate(NAMES):
            scores = [-(100 * step + 10 * k + n + 0.5) for step in range(4)]
            result.tracks.append(TrackScores(method, [Row("one", name, method, *scores)]))
    swaps = [Swap("one", a, b, -3.5) for a in NAMES for b in NAMES if a != b]
    result.tracks[0].swaps = swaps
    return result


def ablation() -> Table:
    rows = [
        AblationRow(name, 3, n + 0.3, {o: -(n + 10.1) for o in NAMES if o != name}, -7.7, -100.0)
        for n, name in enumerate(NAMES)
    ]
    return ablation_table.table(Ablation(NAMES, tuple(rows)), "a separator on tracks")


@pytest.fixture(scope="module")
def plugins() -> Table:
    """The table of `list`."""
    with pytest.MonkeyPatch.context() as patch:
        said = list[RenderableType]()
        patch.setattr(listing, "say", said.append)
        assert cli.main(["list"]) == 0
    (view,) = said
    assert isinstance(view, Table)
    return view


def shown(view: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(fitted(view, console))
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue()


def words(view: Table) -> list[str]:
    return [word for column in view.columns for cell in column.cells for word in str(cell).split()]


def datasets() -> Table:
    """As `data check` prints it: numbers beside a long path."""
    view = Table("source", "dataset", "train", "test", "minutes", "skipped")
    view.add_row(
        "mine", "stem folders\n/home/somebody/music/" + "deeply/" * 9, "6", "3", "2.6", "0"
    )
    return view


def tables(plugins: Table) -> dict[str, Table]:
    return {
        "data check": datasets(),
        "list": plugins,
        "evaluate": evaluation_table.table(evaluation(), "a separator on tracks"),
        "swaps": evaluation_table.swap_table(evaluation()),
        "ablate": ablation(),
    }


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["list", "evaluate", "swaps", "ablate", "data check"])
def test_everything_is_there_and_fits(name: str, width: int, plugins: Table) -> None:
    view = tables(plugins)[name]
    expected = words(view)
    text = shown(view, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    found = re.sub(r"[│┃]", " ", text).split()
    for word in expected:
        if len(word) <= 20:
            assert word in found, f"{word} at {width}"
    numbers = [word for word in expected if NUMBER.fullmatch(word)]
    assert sorted(n for n in found if NUMBER.fullmatch(n)) == sorted(numbers)


def test_narrow_tables_turn(plugins: Table) -> None:
    view = tables(plugins)
    assert re.search(r"┃ instrument +┃ tracks ┃ +SDR ┃", shown(view["evaluate"], 140))
    turned = shown(tables(plugins)["evaluate"], 60).splitlines()
    assert any(line.startswith("┃ instrument") and "violin ┃" in line for line in turned)
    assert any(line.startswith("│ SDR ") and line.count("│") > 2 for line in turned)
    lines = shown(plugins, 40).splitlines()
    assert "instrument violin" in [line.strip() for line in lines]
    place = [line.strip() for line in lines].index("instrument violin")
    assert lines[place + 1].split() == ["status", "ok"]


def test_a_table_that_fits_is_left_as_it_is(plugins: Table) -> None:
    assert shown(plugins, 140).count("┏") == 1


def test_the_terminal_decides_and_a_pipe_has_no_width(root: Path) -> None:
    shown_there, _ = on_a_terminal("import cli; cli.main(['list'])", root, True, columns=60)
    lines = re.sub(r"\x1b\[[\d;?]*\w", "", shown_there).splitlines()
    assert max(map(len, lines)) <= 60
    assert "instrument violin" in [line.strip() for line in lines]
    piped = subprocess.run(
        [sys.executable, "cli.py", "list"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    about = [line for line in piped if " violin " in line]
    assert len(about) == 1
    assert "MIT" in about[0], "a row is a line"
    assert "plugins/instruments/violin" in about[0]
